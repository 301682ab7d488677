// Gradients that travel to servers in a codec.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

Outcome served(MadeUpTraining training, int workers, int servers) {
  training.servers = servers;
  return training.run(workers + servers);
}

MadeUpTraining coded(const ps::CodecSpec& codec, ps::Mode mode = ps::Mode::sync) {
  MadeUpTraining training;
  training.bucket = kChunk;
  training.codec = codec;
  training.consistency = {mode, 1};
  return training;
}

const std::vector<ps::CodecSpec> kCodecs = {
    {ps::Codec::fp16}, {ps::Codec::bf16}, {ps::Codec::int8}, {ps::Codec::top_k, 0.2}};

// All elements, in another form: the whole way of a coded push, to the bit.
TEST(Codecs, ThatLeaveNothingOutGiveTheBitsOfAnAllReduce) {
  MadeUpTraining training = coded({ps::Codec::top_k, 1});
  const Outcome reference = MadeUpTraining{training}.run(1);
  EXPECT_EQ(served(training, 1, 1), reference);
  EXPECT_EQ(served(training, 3, 2), reference);
  training.faults = {0.3, 0.004, 5};
  EXPECT_EQ(served(training, 3, 2), reference);
  training.lanes = 2;
  EXPECT_EQ(served(training, 2, 1), reference);
  MadeUpTraining alone = coded({ps::Codec::top_k, 1}, ps::Mode::bounded);
  const Outcome bounded = served(alone, 1, 2);
  alone.codec = {};
  EXPECT_EQ(bounded, served(alone, 1, 2));
}

// run() compares the workers' weights.
TEST(Codecs, StayNearTheWeightsOfPlainGradientsInAllModes) {
  const Outcome reference = MadeUpTraining{}.run(1);
  for (const ps::CodecSpec& codec : kCodecs)
    for (const ps::Mode mode : {ps::Mode::sync, ps::Mode::bounded, ps::Mode::async}) {
      MadeUpTraining training = coded(codec, mode);
      training.faults = {0.2, 0.002, 9};
      const Outcome outcome = served(training, 2, 2);
      for (const float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
      if (mode != ps::Mode::sync) continue;
      EXPECT_NE(outcome.weights, reference.weights);
      EXPECT_NEAR(outcome.norms[0] / reference.norms[0], 1,
                  codec.codec == ps::Codec::top_k ? 0.5 : 0.01);
    }
}

TEST(Codecs, LetAGradientThatIsNotFiniteReachTheVerdict) {
  for (const ps::CodecSpec& codec : kCodecs) {
    MadeUpTraining training = coded(codec);
    training.poison_step = 1;
    const Outcome outcome = served(training, 2, 1);
    EXPECT_FALSE(std::isfinite(outcome.norms[1]));
    for (const float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
    training.consistency = {ps::Mode::async, 0};
    for (const float w : served(training, 3, 1).weights) ASSERT_TRUE(std::isfinite(w));
  }
}

class CodecsInCheckpoints : public testing::Test {
 protected:
  Path folder_ =
      std::filesystem::temp_directory_path() / ("trireme-codecs-" + std::to_string(::getpid()));
  ~CodecsInCheckpoints() override { std::filesystem::remove_all(folder_); }

  // What codecs had left out, by tensor.
  std::map<std::string, std::vector<float>> residuals(const std::string& name) {
    const CheckpointReader checkpoint(list_checkpoints(folder_ / name).back(), true);
    std::map<std::string, std::vector<float>> result;
    for (const auto& [tensor, file] : checkpoint.manifest().tensors) {
      if (!tensor.name.starts_with(kResidual)) continue;
      auto& values = result[tensor.name];
      values.resize(static_cast<size_t>(tensor.shape.elements()));
      checkpoint.read(tensor, std::as_writable_bytes(std::span(values)));
    }
    return result;
  }
};

TEST_F(CodecsInCheckpoints, KeepWhatAllWorkersHadLeftOutForAnyNumberOfOthers) {
  for (const ps::Mode mode : {ps::Mode::sync, ps::Mode::async}) {
    MadeUpTraining training = coded({ps::Codec::top_k, 0.2}, mode);
    training.batches = {64, 64, 64};
    training.save_to = folder_ / "three";
    served(training, 3, 2);
    const auto saved = residuals("three");
    EXPECT_EQ(saved.size(), small_graph()->params().slots().size());
    double norm = 0;
    for (const auto& [name, values] : saved)
      for (const float v : values) norm += std::abs(double{v});
    EXPECT_GT(norm, 0);
    training.resume = list_checkpoints(folder_ / "three").back();
    training.first_step = 3;  // no step
    training.save_to = folder_ / "one";
    served(training, 1, 1);
    EXPECT_EQ(residuals("one"), saved);
    training.batches = {64, 64, 64, 64};  // and goes on
    training.save_to = folder_ / "two";
    served(training, 2, 1);
    EXPECT_NE(residuals("two"), saved);
    std::filesystem::remove_all(folder_);
  }
}

TEST_F(CodecsInCheckpoints, HaveNothingOfCodecsThatDoNotFeedBack) {
  MadeUpTraining training = coded({ps::Codec::bf16});
  training.save_to = folder_ / "bf16";
  served(training, 2, 1);
  EXPECT_TRUE(residuals("bf16").empty());
}

}  // namespace
}  // namespace trireme::test
