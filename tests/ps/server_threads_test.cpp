// Threads that help a server change no bit of what it holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/rng.h"
#include "ps/dense_store.h"
#include "ps/sgd.h"
#include "ps/sync_clock.h"
#include "ps/table_store.h"

namespace trireme::ps {
namespace {

constexpr int kThreads = 3;
constexpr int64_t kElements = 50 * kSumChunk + 320;

// Counts how often work was cut.
Spread threads(int* cut) {
  return {kThreads, [cut](const std::function<void(int)>& job) {
            ++*cut;
            std::vector<std::thread> others;
            for (int t = 1; t < kThreads; ++t) others.emplace_back(job, t);
            job(0);
            for (std::thread& t : others) t.join();
          }};
}

std::vector<float> noise(uint64_t seed, int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = to_unit_float(philox(seed, i, 0)[0]) - 0.5f;
  return values;
}

ParamTable params() {
  Slot slot;
  slot.name = "w";
  slot.logical = slot.view = Shape({kElements});
  slot.count = kElements;
  return ParamTable({slot});
}

std::vector<float> stepped(const Spread& spread) {
  OptimizerConfig config{};
  config.name = "adam";
  config.beta1 = 0.9;
  config.beta2 = 0.999;
  config.epsilon = 1e-8;
  const Optimizer optimizer(config);
  const ParamTable table = params();
  const Placement placement(table.size(), 1, table.size());
  DenseStore store(cpu_kernels(), optimizer, table, placement, 0, true, nullptr, spread);
  for (int64_t step = 1; step <= 3; ++step)
    store.apply(0, noise(static_cast<uint64_t>(step), table.size()).data(),
                {0.1f, 1, 0, 0.5f, step, 0, 0});
  std::vector<float> all;
  for (const uint32_t buffer : {kWeights, kFirstMoment, kFirstMoment + 1, kAverage}) {
    const auto values = store.values(0, buffer);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST(ServerThreads, StepABlockToTheSameBits) {
  int cut = 0;
  EXPECT_EQ(stepped(threads(&cut)), stepped({}));
  EXPECT_EQ(cut, 3);
}

struct Summed {
  std::vector<float> sum;
  std::vector<double> partials;
  friend bool operator==(const Summed&, const Summed&) = default;
};

Summed summed(const Spread& spread) {
  const ParamTable table = params();
  const Placement placement(table.size(), 1, table.size());
  SyncClock clock(cpu_kernels(), placement, 0, {{0, 2}, {2, 3}, {3, 4}}, 4, spread);
  clock.begin(16);
  const std::vector<Piece> pieces = {{1, 0}, {0, 2}, {0, 3}};
  std::vector<std::vector<float>> gradients;
  for (int w = 0; w < 3; ++w) {
    gradients.push_back(noise(static_cast<uint64_t>(w), table.size()));
    clock.take(w, 0, pieces[static_cast<size_t>(w)], gradients.back().data(), nullptr, 16);
  }
  EXPECT_TRUE(clock.complete());
  return {{clock.sum(0), clock.sum(0) + table.size()},
          {clock.partials().begin(), clock.partials().end()}};
}

TEST(ServerThreads, AddGradientsUpToTheSameBits) {
  int cut = 0;
  EXPECT_EQ(summed(threads(&cut)), summed({}));
  EXPECT_EQ(cut, 1);
}

// Two workers push rows of a few thousand keys, some of them the same; rows have a life or not.
std::vector<float> rows_after(const Spread& spread, const LifeSpec& life) {
  constexpr int64_t kDim = 3, kKeys = 6'000;
  TableStoreSpec spec{{{"t", kDim, {Init::uniform, -1, 1}}}, 5, 0, 1, {{0, 2}, {2, 4}}, 4};
  spec.life = life;
  spec.spread = spread;
  TableStore store(spec, cpu_kernels(), RowOptimizer(Optimizer(sgd()), false));
  std::vector<int64_t> all(kKeys);
  for (int64_t key = 0; key < kKeys; ++key) all[static_cast<size_t>(key)] = 3 * key - 5'000;
  std::vector<std::byte> pulled(pulled_bytes(all.size(), kDim));
  std::vector<float> seen;
  for (int64_t step = 1; step <= 3; ++step) {
    store.pull(0, all, true, pulled.data(), TableStore::Remember::for_open_clock);
    for (int worker = 0; worker < 2; ++worker) {
      NodeGradient part{{1, worker}, {kDim, {}, {}}};
      for (const int64_t key : all)
        if (philox(static_cast<uint64_t>(step), static_cast<uint64_t>(key + 5'000),
                   static_cast<uint64_t>(worker))[0] %
                3 !=
            0)
          part.gradient.keys.push_back(key);
      part.gradient.rows =
          noise(static_cast<uint64_t>(10 * step + worker), part.gradient.size() * kDim);
      std::vector<std::byte> bytes;
      append_bytes(part, bytes);
      store.take(worker, 0, bytes);
    }
    std::vector<double> partials;
    store.append_partials(partials);
    for (const double p : partials) seen.push_back(static_cast<float>(p));
    store.commit({0.1f, 1, 0, 0, step, 0, 0});
    store.end();
  }
  store.pull(0, all, false, pulled.data());
  const auto* values = reinterpret_cast<const float*>(pulled.data() + pulled_bytes(all.size(), 0));
  seen.insert(seen.end(), values, values + kKeys * kDim);
  return seen;
}

TEST(ServerThreads, ReadAndStepRowsToTheSameBits) {
  for (const LifeSpec& life : {LifeSpec{}, LifeSpec{.admit_after = 2, .expire_after = 1}}) {
    int cut = 0;
    EXPECT_EQ(rows_after(threads(&cut), life), rows_after({}, life)) << life.admit_after;
    EXPECT_GE(cut, 9);
  }
}

}  // namespace
}  // namespace trireme::ps
