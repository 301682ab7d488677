// The node barrier among threads, and the collectives of a thread world.
#include <benchmark/benchmark.h>

#include <memory>
#include <thread>
#include <vector>

#include "comm/node_barrier.h"
#include "comm/thread_comm.h"

namespace trireme {
namespace {

// One crossing of the barrier; lanes are threads of this process.
void node_barrier(benchmark::State& bench) {
  const int lanes = static_cast<int>(bench.range(0));
  const auto state = std::make_unique<BarrierState>();
  std::vector<int> rank_of_member(static_cast<size_t>(lanes));
  const std::vector<Member> ranks{{0, "here", 0, 0, 0}};
  const Wait wait{.seconds = 60, .what = "the benchmark"};
  const auto crossings = static_cast<int64_t>(bench.max_iterations);
  std::vector<std::jthread> others;
  for (int lane = 1; lane < lanes; ++lane)
    others.emplace_back([&, lane] {
      NodeBarrier barrier(state.get(), lanes, lane, ranks, rank_of_member);
      for (int64_t i = 0; i < crossings; ++i) barrier.arrive_and_wait(wait);
    });
  NodeBarrier barrier(state.get(), lanes, 0, ranks, rank_of_member);
  for (auto _ : bench) barrier.arrive_and_wait(wait);
}
BENCHMARK(node_barrier)->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

// One all_gather of 64 bytes a rank in a world of threads.
void thread_all_gather(benchmark::State& bench) {
  const auto n = static_cast<int>(bench.range(0));
  for (auto _ : bench)
    run_thread_ranks(n, [](Communicator& c) {
      const std::vector<std::byte> mine(64);
      for (int i = 0; i < 100; ++i)
        benchmark::DoNotOptimize(c.all_gather(mine, {.what = "the benchmark"}));
    });
  bench.SetItemsProcessed(bench.iterations() * 100);
}
BENCHMARK(thread_all_gather)->Arg(2)->Arg(4)->UseRealTime();

}  // namespace
}  // namespace trireme
