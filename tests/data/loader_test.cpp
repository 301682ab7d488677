#include "data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "data/fixture.h"

namespace trireme {
namespace {

using testing::HasSubstr;

DataConfig synthetic() {
  DataConfig c = test::default_config("synthetic");
  c.shape = {5};
  c.classes = 3;
  c.samples = 40;
  return c;
}

// Two leaves of 3 samples in each of 6 steps.
std::vector<LeafRequest> two_leaves(int64_t step) {
  if (step >= 6) return {};
  return {{0, 0, step * 6, step * 6 + 3}, {5, 0, step * 6 + 3, step * 6 + 6}};
}

// Passes reads on, but throws for one id and blocks on another while told to.
class TroubledSource final : public DataSource {
 public:
  TroubledSource() : inner_(open_data(synthetic(), 1).train) {}
  int64_t size() const override { return inner_->size(); }
  const Preprocessing& preprocessing() const override { return inner_->preprocessing(); }
  void read(uint64_t id, const SampleKey& key, bool augment, const SampleOut& out) const override {
    if (id == bad_id) throw DataError("sample is damaged");
    while (id == slow_id && blocked) std::this_thread::yield();
    inner_->read(id, key, augment, out);
  }
  int64_t label(uint64_t id) const override { return inner_->label(id); }
  bool in_memory() const override { return true; }
  std::string fingerprint() const override { return ""; }
  uint64_t bad_id = 1000, slow_id = 1000;
  std::atomic<bool> blocked{true};

 private:
  std::unique_ptr<DataSource> inner_;
};

class LoaderTest : public testing::TestWithParam<int> {
 protected:
  LoaderTest() : order(make_order(synthetic(), source, 1, false)) {}
  Loader loader(int first_step = 0, double timeout = 60) {
    LoaderOptions options;
    options.threads = GetParam();
    options.timeout = timeout;
    return Loader(source, *order, two_leaves, first_step, 2, 3, options);
  }
  TroubledSource source;
  std::unique_ptr<Order> order;
};

TEST_P(LoaderTest, DeliversEveryLeafInOrderWhateverTheThreads) {
  Loader l = loader();
  for (int64_t step = 0; step < 6; ++step) {
    for (int index = 0; index < 2; ++index) {
      const LeafBatch& batch = l.get(step, index);
      ASSERT_EQ(batch.samples, 3);
      for (int64_t i = 0; i < 3; ++i) {
        const uint64_t id = static_cast<uint64_t>(step * 6 + index * 3 + i);
        const auto expected = test::read_sample(source, id);
        const float* input = reinterpret_cast<const float*>(batch.fields[0]) + i * 5;
        EXPECT_EQ(std::vector<float>(input, input + 5), expected.input);
        EXPECT_EQ(reinterpret_cast<const int64_t*>(batch.fields[1])[i], expected.label);
        EXPECT_EQ(batch.keys[i].position, id);
      }
      EXPECT_EQ(batch.fields[2], nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(batch.fields[0]) % 64, 0u);
    }
    l.release(step);
  }
  EXPECT_GE(l.wait_seconds(), 0.0);
}

TEST_P(LoaderTest, StartsAtAnyStepAndServesLanesInParallel) {
  Loader l = loader(2);
  std::vector<std::jthread> lanes;
  std::atomic<int64_t> samples{0};
  for (int64_t step = 2; step < 5; ++step) {
    for (int index = 0; index < 2; ++index) {
      lanes.emplace_back([&, step, index] { samples += l.get(step, index).samples; });
    }
    lanes.clear();
    l.release(step);
  }
  EXPECT_EQ(samples, 18);
}

TEST_P(LoaderTest, RethrowsWhatTheReaderThrewAndOnlyForThatLeaf) {
  source.bad_id = 8;  // step 1, leaf index 0
  Loader l = loader();
  EXPECT_EQ(l.get(0, 0).samples, 3);
  l.release(0);
  EXPECT_EQ(test::error_of([&] { l.get(1, 0); }), "sample is damaged");
  EXPECT_EQ(l.get(1, 1).samples, 3);
}

TEST_P(LoaderTest, AskingForALeafThatThePlanLacksIsALogicError) {
  Loader l = loader();
  EXPECT_THROW(l.get(0, 2), std::logic_error);
}

TEST_P(LoaderTest, StopsCleanlyWithoutBeingRead) { Loader l = loader(); }

TEST_P(LoaderTest, TimesOutWhenAnEarlierStepIsNotReleased) {
  Loader l = loader(0, 0.05);
  EXPECT_THAT(
      test::error_of([&] { l.get(3, 1); }),
      HasSubstr("waited 0.05 s for the data of step 3, leaf 1: an earlier step was not released"));
}

INSTANTIATE_TEST_SUITE_P(Threads, LoaderTest, testing::Values(0, 1, 3));

TEST(LoaderTimeoutTest, NamesStepAndLeafWhenTheReaderHangs) {
  TroubledSource source;
  source.slow_id = 3;
  const auto order = make_order(synthetic(), source, 1, false);
  LoaderOptions options;
  options.threads = 1;
  options.timeout = 0.05;
  Loader l(source, *order, two_leaves, 0, 2, 3, options);
  EXPECT_THAT(test::error_of([&] { l.get(0, 1); }),
              HasSubstr("waited 0.05 s for the data of step 0, leaf 1"));
  source.blocked = false;
}

}  // namespace
}  // namespace trireme
