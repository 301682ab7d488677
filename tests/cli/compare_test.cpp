#include "worker/verify/compare.h"

#include <cmath>
#include <functional>

#include "base/error.h"
#include "checkpoint/fixture.h"

namespace trireme {
namespace {

class CompareTest : public FolderTest {
 protected:
  // A checkpoint whose fc.weight starts with `first`, and whose state `change` has changed.
  Path write(
      const std::string& name, float first,
      const std::function<void(RunState&)>& change = [](RunState&) {}) {
    auto source = small_source(first);
    return write(name, source, change);
  }
  Path write(
      const std::string& name, MemorySource& source,
      const std::function<void(RunState&)>& change = [](RunState&) {}) {
    RunState state = state_at(20);
    change(state);
    std::filesystem::create_directories(folder / name);
    return save_checkpoint(folder / name, source, state, {});
  }
};

TEST_F(CompareTest, CallsTwoEqualRunsEqual) {
  const auto result = compare_checkpoints(write("a", 1), write("b", 1), {});
  EXPECT_TRUE(result.holds);
  EXPECT_EQ(result.verdict, "equal");
}

TEST_F(CompareTest, SeesTheLastBitOfOneWeight) {
  const auto result =
      compare_checkpoints(write("a", 1), write("b", std::nextafter(1.0f, 2.0f)), {});
  EXPECT_FALSE(result.holds);
  EXPECT_EQ(result.verdict, "DIFFERS: max |a-b| = 1.19e-07 in model.fc.weight");
}

TEST_F(CompareTest, AllowsADifferenceUpToTheBoundOfTheTensorsLargestValue) {
  const Path a = write("a", 1), b = write("b", 1.0005f);  // the largest value is 6
  const auto within = compare_checkpoints(a, b, {1e-4});
  EXPECT_TRUE(within.holds);
  EXPECT_EQ(within.verdict, "within: max |a-b| = 0.0005 in model.fc.weight");
  EXPECT_FALSE(compare_checkpoints(a, b, {5e-5}).holds);
}

TEST_F(CompareTest, SeesTheOptimizersStateAndCountsTheTensors) {
  auto changed = small_source(1.5f);
  changed.tensors()["optimizer.exp_avg.fc.weight"].floats()[1] = 3;
  const auto result = compare_checkpoints(write("a", 1), write("b", changed), {1e-5});
  EXPECT_FALSE(result.holds);
  EXPECT_EQ(result.verdict,
            "DIFFERS: max |a-b| = 2.75 in optimizer.exp_avg.fc.weight (2 tensors differ)");
}

TEST_F(CompareTest, NeverForgivesAMissingTensorOrANumberThatIsNone) {
  const std::vector<float> weight = {1, -2, 3, 4, 5, 6};
  MemorySource less({{"model.fc.weight", HostTensor::from({2, 3}, weight)}});
  const auto missing = compare_checkpoints(write("a", 1), write("b", less), {1});
  EXPECT_FALSE(missing.holds);
  EXPECT_EQ(missing.verdict, "DIFFERS: model.fc.bias: only in A (2 tensors differ)");
  const auto nan = compare_checkpoints(write("c", 1), write("d", NAN), {1});
  EXPECT_FALSE(nan.holds);
  EXPECT_EQ(nan.verdict, "DIFFERS: max |a-b| = inf in model.fc.weight");
}

TEST_F(CompareTest, SeesWhereTheRunsStand) {
  const auto verdict = [&](const std::string& name, const std::function<void(RunState&)>& change) {
    return compare_checkpoints(folder / "a" / "step-00000020", write(name, 1, change), {}).verdict;
  };
  write("a", 1);
  EXPECT_EQ(verdict("b", [](RunState& s) { s.updates = 19; }), "DIFFERS: updates 19, reference 20");
  EXPECT_EQ(verdict("c", [](RunState& s) { s.position = 7; }),
            "DIFFERS: position in the epoch 7, reference 0");
  EXPECT_EQ(verdict("d", [](RunState& s) { s.best_metric = 0.25; }),
            "DIFFERS: train.monitor is 0.25, reference 0");
  EXPECT_EQ(verdict("e", [](RunState& s) { s.elapsed_seconds = 9; }), "equal");
}

TEST_F(CompareTest, HoldsTheMonitoredValueAgainstTheBoundToo) {
  const auto with = [](double value) { return [value](RunState& s) { s.best_metric = value; }; };
  const Path a = write("a", 1, with(0.5)), b = write("b", 1, with(0.500001));
  EXPECT_TRUE(compare_checkpoints(a, b, {1e-5}).holds);
  EXPECT_FALSE(compare_checkpoints(a, b, {1e-6}).holds);
}

TEST_F(CompareTest, RefusesADamagedCheckpoint) {
  const Path a = write("a", 1), b = write("b", 1);
  std::filesystem::remove(b / "manifest.json");
  EXPECT_THROW(compare_checkpoints(a, b, {}), Error);
}

TEST(Bound, SaysWhatItIs) {
  EXPECT_EQ(Bound{}.str(), "bit for bit");
  EXPECT_EQ(Bound{1e-5}.str(), "to 1e-05 of each tensor's largest value");
}

}  // namespace
}  // namespace trireme
