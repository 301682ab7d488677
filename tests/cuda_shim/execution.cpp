#include "cuda_shim/execution.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "cuda_shim/fibers.h"

namespace trireme::cuda_shim {
namespace {

constexpr int kWarp = 32, kMostThreads = 1024;

enum class State { ready, at_barrier, in_warp, ended };
struct Thread {
  State state = State::ended;
  Where where{};
  int source_lane = 0;
  unsigned char value[16] = {};
};

// The grid that the calling thread runs.
class Grid {
 public:
  Order order = Order::ascending;
  std::string fault;

  bool run(dim3 grid, unsigned block, size_t dynamic_bytes, void (*call)(void*), void* closure);
  void* shared(const void* site, size_t bytes);
  void* dynamic_shared() { return shared(&dynamic_bytes_, dynamic_bytes_); }
  Thread& self() { return threads_[static_cast<size_t>(running_)]; }
  void wait(State state, Where where);
  [[noreturn]] void fail(const std::string& message);

 private:
  struct Array {
    std::unique_ptr<unsigned char[]> bytes;
    uint64_t block = 0;  // for which it was filled last
  };
  std::vector<int> in_order(int64_t count);
  void run_block();
  void run_ready(const std::vector<int>& order);
  bool release_warps();
  bool release_block();
  void explain();
  std::string state_of(int thread) const;

  Fibers fibers_{kMostThreads};
  std::vector<Thread> threads_;
  int running_ = 0;
  std::map<const void*, Array> arrays_;
  uint64_t block_number_ = 0;
  size_t dynamic_bytes_ = 0;
  void (*call_)(void*) = nullptr;
  void* closure_ = nullptr;
  std::mt19937 random_;
};

Grid& this_grid() {
  static thread_local Grid grid;
  return grid;
}

std::string text(const Where& where) {
  const std::string file = where.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line);
}

std::vector<int> Grid::in_order(int64_t count) {
  std::vector<int> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  if (this->order == Order::descending) std::reverse(order.begin(), order.end());
  if (this->order == Order::shuffled) std::shuffle(order.begin(), order.end(), random_);
  return order;
}

bool Grid::run(dim3 grid, unsigned block, size_t dynamic_bytes, void (*call)(void*),
               void* closure) {
  if (!fault.empty()) return false;  // nobody has asked for the last one yet
  if (block == 0 || block > kMostThreads || block % kWarp != 0) {
    fault = "a block of " + std::to_string(block) + " threads: 32 to 1024 in whole warps";
    return false;
  }
  random_.seed(20);
  threads_.resize(block);
  dynamic_bytes_ = dynamic_bytes;
  call_ = call;
  closure_ = closure;
  blockDim = dim3(block);
  gridDim = grid;
  for (int b : in_order(int64_t{grid.x} * grid.y * grid.z)) {
    const auto number = static_cast<unsigned>(b);
    blockIdx = {number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y};
    run_block();
    if (!fault.empty()) break;
  }
  arrays_.clear();
  return fault.empty();
}

void Grid::run_block() {
  ++block_number_;
  for (size_t t = 0; t < threads_.size(); ++t) {
    threads_[t] = {State::ready, {}, 0, {}};
    fibers_.start(
        static_cast<int>(t),
        [](void* grid, int i) {
          Grid& g = *static_cast<Grid*>(grid);
          g.call_(g.closure_);
          g.threads_[static_cast<size_t>(i)].state = State::ended;
        },
        this);
  }
  const std::vector<int> order = in_order(static_cast<int64_t>(threads_.size()));
  const auto ended = [](const Thread& t) { return t.state == State::ended; };
  while (fault.empty()) {
    run_ready(order);
    if (!fault.empty() || std::all_of(threads_.begin(), threads_.end(), ended)) return;
    if (!release_warps() && !release_block()) explain();
  }
}

void Grid::run_ready(const std::vector<int>& order) {
  for (int t : order) {
    if (threads_[static_cast<size_t>(t)].state != State::ready) continue;
    running_ = t;
    threadIdx = {static_cast<unsigned>(t), 0, 0};
    fibers_.resume(t);
    if (!fault.empty()) return;
  }
}

// A warp goes on when all its lanes wait in the same operation.
bool Grid::release_warps() {
  bool released = false;
  for (size_t first = 0; first < threads_.size(); first += kWarp) {
    Thread* const lanes = &threads_[first];
    const bool together = std::all_of(lanes, lanes + kWarp, [&](const Thread& t) {
      return t.state == State::in_warp && t.where == lanes[0].where;
    });
    if (!together) continue;
    unsigned char brought[kWarp][sizeof lanes->value];
    for (int i = 0; i < kWarp; ++i) std::memcpy(brought[i], lanes[i].value, sizeof brought[i]);
    for (int i = 0; i < kWarp; ++i) {
      std::memcpy(lanes[i].value, brought[lanes[i].source_lane], sizeof brought[i]);
      lanes[i].state = State::ready;
    }
    released = true;
  }
  return released;
}

bool Grid::release_block() {
  const Where where = threads_[0].where;
  for (const Thread& t : threads_)
    if (t.state != State::at_barrier || !(t.where == where)) return false;
  for (Thread& t : threads_) t.state = State::ready;
  return true;
}

std::string Grid::state_of(int thread) const {
  const Thread& t = threads_[static_cast<size_t>(thread)];
  const std::string name = "thread " + std::to_string(thread);
  if (t.state == State::ended) return name + " has ended";
  return name +
         (t.state == State::at_barrier ? " is at the barrier at "
                                       : " is in the warp operation at ") +
         text(t.where);
}

// Nobody can go on: two threads that should have met.
void Grid::explain() {
  const auto differ = [](const Thread& a, const Thread& b) {
    return a.state != b.state || !(a.where == b.where);
  };
  const int threads = static_cast<int>(threads_.size());
  int first = 0, other = 0;
  // A warp that is not together has the nearer cause; else the block is not.
  for (int t = 0; t < threads && other == 0; ++t) {
    const int leader = t - t % kWarp;
    const auto& a = threads_[static_cast<size_t>(leader)];
    const auto& b = threads_[static_cast<size_t>(t)];
    if (differ(a, b) && (a.state == State::in_warp || b.state == State::in_warp)) {
      first = leader;
      other = t;
    }
  }
  for (int t = 0; t < threads && other == 0; ++t)
    if (differ(threads_[0], threads_[static_cast<size_t>(t)])) other = t;
  const bool warp = threads_[static_cast<size_t>(first)].state == State::in_warp ||
                    threads_[static_cast<size_t>(other)].state == State::in_warp;
  fault = std::string(warp ? "divergent warp operation" : "divergent barrier") + " in block (" +
          std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + "): " + state_of(first) +
          ", " + state_of(other);
}

void* Grid::shared(const void* site, size_t bytes) {
  Array& array = arrays_[site];
  if (!array.bytes) array.bytes = std::make_unique<unsigned char[]>(bytes);
  if (array.block != block_number_) std::memset(array.bytes.get(), 0xff, bytes);
  array.block = block_number_;
  return array.bytes.get();
}

void Grid::wait(State state, Where where) {
  const int me = running_;
  self().state = state;
  self().where = where;
  fibers_.suspend(me);
}

void Grid::fail(const std::string& message) {
  fault = message + " (thread " + std::to_string(running_) + " of block (" +
          std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + "))";
  for (;;) fibers_.suspend(running_);
}

}  // namespace

void set_order(Order order) { this_grid().order = order; }

std::string take_fault() { return std::exchange(this_grid().fault, {}); }

bool run_grid(dim3 grid, unsigned block, size_t dynamic_shared_bytes, void (*call)(void*),
              void* closure) noexcept {
  return this_grid().run(grid, block, dynamic_shared_bytes, call, closure);
}

void* shared_memory(const void* site, size_t bytes) { return this_grid().shared(site, bytes); }
void* dynamic_shared_memory() { return this_grid().dynamic_shared(); }
void fault(const std::string& message) { this_grid().fail(message); }
void wait_for_block(Where where) { this_grid().wait(State::at_barrier, where); }

void exchange_in_warp(void* value, size_t size, int source_lane, Where where) {
  Thread& self = this_grid().self();
  std::memcpy(self.value, value, size);
  self.source_lane = source_lane;
  this_grid().wait(State::in_warp, where);
  std::memcpy(value, self.value, size);
}

}  // namespace trireme::cuda_shim
