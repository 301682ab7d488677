#include "worker/resume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/fixture.h"
#include "model/build.h"

namespace trireme {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Experiment experiment(const std::vector<std::string>& overrides = {}) {
  return parse_experiment(
      "[data]\nreader = csv\ntrain = a.csv\n[model]\nlayer = out: dense units=2\n"
      "loss = softmax_cross_entropy\n[optimizer]\nlr = 0.01\n",
      "exp.ini", overrides);
}

RunState state_of(const Experiment& e) {
  RunState s = state_at(3);
  s.config = e.to_ini(false);
  s.data_fingerprint = "d";
  return s;
}

std::vector<std::string> changes(const std::vector<std::string>& overrides,
                                 const std::string& fingerprint = "d") {
  return changes_since(state_of(experiment()), experiment(overrides), fingerprint);
}

TEST(ChangesSince, AreNoneForTheSameExperiment) { EXPECT_THAT(changes({}), IsEmpty()); }

TEST(ChangesSince, LeaveOutWhatDoesNotBearOnTheWeights) {
  EXPECT_THAT(changes({"run.lanes=3", "run.dir=x", "run.name=y", "train.max_epochs=99",
                       "train.eval_every=3", "model.metric=accuracy", "checkpoint.keep=9",
                       "export.formats=onnx", "data.prefetch_threads=2", "data.train=b.csv"}),
              IsEmpty());
}

TEST(ChangesSince, NameKeyAndBothValues) {
  EXPECT_THAT(changes({"optimizer.lr=0.1", "train.virtual_shards=4", "run.seed=3"}, "e"),
              ElementsAre("the data is not the same", "optimizer.lr is 0.1, which was 0.01",
                          "run.seed is 3, which was 42", "train.virtual_shards is 4, which was 8"));
  EXPECT_THAT(changes({"optimizer.name=adam"}),
              testing::Contains("optimizer.beta1 is 0.9, which was not used"));
  EXPECT_THAT(changes({"exchange.codec=int8", "exchange.push_every=4"}),
              ElementsAre("exchange.codec is int8, which was none",
                          "exchange.push_every is 4, which was 1"));
}

class Resumable : public FolderTest {
 protected:
  // What is wrong with continuing a checkpoint of two features with `overrides`.
  std::string refusal(const std::vector<std::string>& overrides, int64_t features = 2) {
    MemorySource source({{"model.out.weight", HostTensor::zeros({2, 2})},
                         {"model.out.bias", HostTensor::zeros({2})}});
    const CheckpointReader checkpoint(save_checkpoint(folder, source, state_of(experiment()), {}),
                                      true);
    const Experiment now = experiment(overrides);
    DataShape data;
    data.input = {features};
    data.classes = 2;
    const auto graph = build_graph(now, data);
    try {
      check_resumable(checkpoint, now, *graph);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
};

TEST_F(Resumable, IsTheSameModelInTheSameSteps) {
  EXPECT_EQ(refusal({}), "no error");
  EXPECT_EQ(refusal({"optimizer.lr=0.1", "train.max_epochs=99"}), "no error");
}

TEST_F(Resumable, IsNoOtherBatchSize) {
  EXPECT_EQ(refusal({"train.batch_size=32"}),
            "train.batch_size = 32, but the run that is resumed has 64: its steps would be other "
            "samples");
  EXPECT_EQ(refusal({"data.drop_last=true"}),
            "data.drop_last = true, but the run that is resumed has false: its steps would be "
            "other samples");
}

TEST_F(Resumable, IsNoOtherModel) {
  EXPECT_THAT(refusal({}, 3), HasSubstr("step-00000003: model.out.weight is float32 2x2 in the "
                                        "checkpoint, this experiment needs float32 2x3"));
  EXPECT_THAT(refusal({"model.layer=dense units=2"}),
              HasSubstr("step-00000003: the checkpoint has no model.dense_1.weight"));
}

}  // namespace
}  // namespace trireme
