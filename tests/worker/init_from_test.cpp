#include "worker/init_from.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/fixture.h"
#include "config/experiment.h"
#include "model/build.h"

namespace trireme {
namespace {

using testing::Each;
using testing::HasSubstr;

HostTensor filled(const Shape& shape, float value) {
  HostTensor t = HostTensor::zeros(shape);
  for (float& v : t.floats()) v = value;
  return t;
}

class InitFrom : public FolderTest {
 protected:
  InitFrom() {
    DataShape data;
    data.input = {3};
    data.classes = 2;
    graph = build_graph(
        parse_experiment("[data]\nreader = csv\ntrain = a.csv\n[model]\nlayer = h: dense units=4\n"
                         "layer = out: dense units=2\nloss = softmax_cross_entropy\n",
                         "exp.ini", {}),
        data);
    params.assign(static_cast<size_t>(graph->params().size()), 0.5f);
  }
  // What is said about starting from `what`.
  std::string load(const std::string& what) {
    testing::internal::CaptureStderr();
    initialise_from(what, *graph, params.data(), nullptr, true);
    return testing::internal::GetCapturedStderr();
  }
  std::vector<float> values(const std::string& name) const {
    const Slot& slot = *std::ranges::find_if(graph->params().slots(),
                                             [&](const Slot& s) { return s.name == name; });
    const auto begin = params.begin() + slot.offset;
    return {begin, begin + slot.count};
  }
  std::unique_ptr<Graph> graph;
  std::vector<float> params;
};

TEST_F(InitFrom, TakesWhatASafetensorsFileHasAndNamesTheRest) {
  const Path file = folder / "w.safetensors";
  write_tensors(file, {{"h.weight", filled({4, 3}, 7)},
                       {"h.bias", filled({4}, 8)},
                       {"head.weight", filled({9, 4}, 9)}});
  const std::string said = load(file.string());
  EXPECT_THAT(said, HasSubstr("initialised 2 tensors from " + file.string() + ": "));
  EXPECT_THAT(said, HasSubstr("h.weight"));
  EXPECT_THAT(said, HasSubstr("not used of it: head.weight"));
  EXPECT_THAT(said, testing::ContainsRegex("not in it, so freshly initialised: out.*, out"));
  EXPECT_THAT(values("h.weight"), Each(7));
  EXPECT_THAT(values("h.bias"), Each(8));
  EXPECT_THAT(values("out.weight"), Each(0.5f));
}

TEST_F(InitFrom, TakesTheModelOfACheckpointNotItsOptimizer) {
  MemorySource source({{"model.out.weight", filled({2, 4}, 3)},
                       {"optimizer.exp_avg.out.weight", filled({2, 4}, 4)}});
  save_checkpoint(folder, source, state_at(5), {});
  const std::string said = load(folder.string());
  EXPECT_THAT(said, HasSubstr("initialised 1 tensors from " + folder.string() + ": out.weight"));
  EXPECT_THAT(said, testing::Not(HasSubstr("not used")));
  EXPECT_THAT(values("out.weight"), Each(3));
}

TEST_F(InitFrom, RefusesAnotherShapeAndAFileOfAnotherModel) {
  const std::string file = (folder / "w.safetensors").string();
  write_tensors(file, {{"h.weight", filled({5, 3}, 7)}});
  EXPECT_EQ(message_of<ConfigError>([&] { load(file); }),
            "model.init_from: h.weight is 5x3 there and 4x3 here");
  testing::internal::GetCapturedStderr();
  write_tensors(file, {{"conv1.weight", filled({5, 3}, 7)}});
  EXPECT_EQ(message_of<ConfigError>([&] { load(file); }),
            "model.init_from: no tensor of " + file + " has a name of this model's");
  testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace trireme
