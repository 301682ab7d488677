// Late gradients against the same in double precision.
#include "ps/delay_compensation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ps/cluster.h"

namespace trireme::ps {
namespace {

TEST(DelayCompensation, AddsTheSquaredGradientTimesHowFarTheWeightMoved) {
  const std::vector<float> sum = {3, -2, 0.5f, 0}, w = {1, 1.5f, -1, 7}, old = {1, 1, -1.25f, 0};
  std::vector<float> out(4);
  compensate(sum, 0.25, 0.8, w.data(), old.data(), out.data());
  for (size_t i = 0; i < sum.size(); ++i) {
    const double g = 0.25 * double{sum[i]};
    const double expected = g + 0.8 * g * g * (double{w[i]} - double{old[i]});
    EXPECT_NEAR(0.25 * double{out[i]}, expected, 1e-7);
  }
  EXPECT_EQ(out[0], sum[0]) << "its weight has not moved";
}

TEST(DelayCompensation, LeavesAnElementAloneThatWouldNotBeFinite) {
  const float huge = std::numeric_limits<float>::max(), w = 1, old = 0;
  float out = 0;
  compensate(std::span(&huge, 1), 1, 1, &w, &old, &out);
  EXPECT_EQ(out, huge);
}

// Two workers at different speeds, one block, a network without jitter: pushes are applied in the
// order in which they were sent. The same in double precision, beside it.
class LatePushes : public testing::Test {
 protected:
  static constexpr int64_t kSize = 640;
  static constexpr float kLr = 0.5f, kScale = 0.25f;

  struct Pushed {
    double time;
    std::vector<float> gradient, old;
  };

  std::vector<float> run(double lambda, int workers) {
    pushed_.clear();
    ParamTable params({Slot{"w", Shape({kSize}), Shape({kSize}), {}, 0, kSize, {}, 0, 0}});
    OptimizerConfig sgd{};
    sgd.name = "sgd";
    const Optimizer optimizer(sgd);
    const Placement placement(params.size(), 1, kChunk);
    ServerConfig config;
    config.workers = workers;
    config.consistency = {Mode::async, 0};
    config.delay_compensation = lambda;
    for (int w = 0; w < workers; ++w) config.runs.push_back({w, w + 1});
    config.shards = workers;
    ServerCore server(config, cpu_kernels(), optimizer, params, placement);
    std::vector<std::vector<float>> weights, gradients;
    std::vector<std::unique_ptr<ClientCore>> clients;
    std::vector<ClientCore*> borrowed;
    std::vector<WorkerScript> scripts;
    std::vector<int64_t> clocks(static_cast<size_t>(workers), -1);
    weights.assign(static_cast<size_t>(workers), std::vector<float>(kChunk));
    gradients = weights;
    Simulator* clock = nullptr;
    for (int w = 0; w < workers; ++w) {
      ClientConfig of_worker;
      of_worker.worker = w;
      of_worker.workers = workers;
      of_worker.consistency = config.consistency;
      const auto at = static_cast<size_t>(w);
      clients.push_back(std::make_unique<ClientCore>(of_worker, placement, weights[at].data()));
      borrowed.push_back(clients.back().get());
      scripts.push_back([&, at](ClientCore& client) {
        int64_t& c = clocks[at];
        if (++c == 0) {  // begins with the first weights, then computes
          client.pull(0, 0, true);
          return 5.0 + 4.3 * static_cast<double>(at);
        }
        if (c == 9) return -1.0;
        for (int64_t i = 0; i < kSize; ++i)
          gradients[at][static_cast<size_t>(i)] =
              std::sin(static_cast<float>(i + 100 * c) + static_cast<float>(at)) +
              weights[at][static_cast<size_t>(i)];
        pushed_.push_back({clock->now(), gradients[at], weights[at]});
        client.push(0, c - 1, gradients[at].data(), {kLr, kScale, 0, 0, c, 0, 0});
        client.pull(c, 0, true);
        return 5.0 + 4.3 * static_cast<double>(at);
      });
    }
    Simulator simulator({1, 0.25, 0, 0}, borrowed, {&server}, scripts);
    clock = &simulator;
    simulator.run();
    late_ = server.counts().delay.sum;
    const auto values = server.store().values(0, kWeights);
    return {values.begin(), values.begin() + kSize};
  }
  std::vector<double> reference(double lambda) {
    std::ranges::stable_sort(pushed_, {}, &Pushed::time);
    std::vector<double> w(kSize);
    for (const Pushed& p : pushed_)
      for (size_t i = 0; i < w.size(); ++i) {
        const double g = double{kScale} * double{p.gradient[i]};
        w[i] -= double{kLr} * (g + lambda * g * g * (w[i] - double{p.old[i]}));
      }
    return w;
  }

  std::vector<Pushed> pushed_;
  int64_t late_ = 0;
};

TEST_F(LatePushes, GiveTheWeightsOfDoublePrecision) {
  const std::vector<float> weights = run(2, 3);
  EXPECT_GT(late_, 10);
  const std::vector<double> expected = reference(2), plain = reference(0);
  double differs = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    ASSERT_NEAR(weights[i], expected[i], 1e-5 * (1 + std::abs(expected[i])));
    differs = std::max(differs, std::abs(expected[i] - plain[i]));
  }
  EXPECT_GT(differs, 0.005);
}

TEST_F(LatePushes, OfOneWorkerAreNoneAndChangeNoBit) {
  EXPECT_EQ(run(2, 1), run(0, 1));
  EXPECT_EQ(late_, 0);
}

TEST(DelayCompensation, RefusesAPushThatWasComputedWithOtherWeightsThanGiven) {
  ClusterSpec spec;
  spec.workers = spec.servers = 1;
  spec.elements = 128;
  spec.shards = 1;
  spec.consistency.mode = Mode::async;
  spec.delay_compensation = 1;
  Cluster cluster(spec);
  const std::vector<float> floats(128, -1);
  Message m;
  m.from = 0;
  m.header.kind = static_cast<uint16_t>(Kind::push);
  m.header.worker = m.header.server = m.header.block = 0;
  m.header.sequence = 1;
  m.header.version = 3;
  m.payload = std::as_bytes(std::span(floats));
  EXPECT_THROW(cluster.server(0).on_message(std::move(m), 0), FormatError);
}

// Messages that overtake each other and come twice: versions given and pushed agree all the same.
TEST(DelayCompensation, KnowsWhatEachWorkerHasWhateverTheNetworkDoes) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    ClusterSpec spec;
    spec.consistency = {seed % 2 ? Mode::async : Mode::bounded, 2};
    spec.network.seed = seed;
    spec.network.jitter = 20;
    spec.network.repeat = 0.3;
    spec.compute_jitter = 30;
    spec.delay_compensation = 1e-3;
    Cluster cluster(spec);
    ASSERT_NO_THROW(cluster.run()) << seed;
  }
}

}  // namespace
}  // namespace trireme::ps
