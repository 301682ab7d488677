#include "data/loader.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "data/loader_slot.h"

namespace trireme {
namespace {

struct StepSlot {
  std::atomic<int64_t> step{-1};  // stored with release once requests are in place
  std::vector<LeafRequest> requests;
  std::exception_ptr failure;  // of the plan itself
  std::deque<LeafSlot> leaves;
};

}  // namespace

// Slot step % slots belongs to `step` from prepare(step) until steps up to it are released. The
// mutex guards preparing and the workers' cursor; filling happens outside of it.
struct Loader::Impl {
  const DataSource& source;
  const Order& order;
  std::function<std::vector<LeafRequest>(int64_t)> plan;
  LoaderOptions options;
  std::deque<StepSlot> slots;

  std::mutex mutex;
  std::condition_variable_any filled, freed;
  int64_t released;   // every step below is released
  int64_t next_step;  // the workers' cursor
  size_t next_leaf = 0;
  std::atomic<double> waited{0};
  std::vector<std::jthread> workers;  // last: joined before the rest goes

  Impl(const DataSource& data, const Order& data_order,
       std::function<std::vector<LeafRequest>(int64_t)> p, int64_t first_step, int64_t max_leaves,
       int64_t max_samples, LoaderOptions o)
      : source(data),
        order(data_order),
        plan(std::move(p)),
        options(o),
        released(first_step),
        next_step(first_step) {
    // Two at least: one lane may ask for a step while another still reads the one before.
    const int count = std::max(2, options.steps_ahead + 1);
    for (int s = 0; s < count; ++s) {
      StepSlot& slot = slots.emplace_back();
      for (int64_t l = 0; l < max_leaves; ++l)
        slot.leaves.emplace_back(source.preprocessing().schema, max_samples, options);
    }
    for (int t = 0; t < options.threads; ++t) {
      workers.emplace_back([this](std::stop_token stop) { work(stop); });
    }
  }

  StepSlot& slot_of(int64_t step) { return slots[static_cast<size_t>(step) % slots.size()]; }
  bool free(int64_t step) const { return step < released + static_cast<int64_t>(slots.size()); }

  // Under the mutex, with free(step).
  void prepare(int64_t step) {
    StepSlot& slot = slot_of(step);
    slot.failure = nullptr;
    slot.requests.clear();
    try {
      slot.requests = plan(step);
      if (slot.requests.size() > slot.leaves.size()) {
        throw std::logic_error(fmt::format("step {} has {} leaves of at most {}", step,
                                           slot.requests.size(), slot.leaves.size()));
      }
    } catch (...) {
      slot.requests.clear();
      slot.failure = std::current_exception();
    }
    for (LeafSlot& leaf : slot.leaves) leaf.reset();
    slot.step.store(step, std::memory_order_release);
    filled.notify_all();
  }

  struct Task {
    StepSlot* slot;
    size_t leaf;
  };
  // The next leaf to fill, in order of step and index; nullopt when told to stop.
  std::optional<Task> next_task(std::stop_token stop) {
    std::unique_lock lock(mutex);
    for (;;) {
      if (!freed.wait(lock, stop, [&] { return free(next_step); })) return std::nullopt;
      StepSlot& slot = slot_of(next_step);
      if (slot.step.load(std::memory_order_relaxed) != next_step) prepare(next_step);
      if (next_leaf < slot.requests.size()) return Task{&slot, next_leaf++};
      ++next_step;
      next_leaf = 0;
    }
  }

  void work(std::stop_token stop) {
    while (const auto task = next_task(stop)) {
      task->slot->leaves[task->leaf].fill(source, order, task->slot->requests[task->leaf],
                                          options.augment);
      const std::lock_guard lock(mutex);  // a waiter is either before its check or asleep
      filled.notify_all();
    }
  }

  [[noreturn]] void throw_late(int64_t step, int index, const char* what) const {
    throw DataError(fmt::format("waited {:g} s for the data of step {}, leaf {}: {}",
                                options.timeout, step, index, what),
                    "is the storage reachable? data.prefetch_threads, run.timeout");
  }

  void check_request(const StepSlot& slot, int64_t step, int index) const {
    if (slot.failure) std::rethrow_exception(slot.failure);
    if (index < 0 || static_cast<size_t>(index) >= slot.requests.size()) {
      throw std::logic_error(fmt::format("step {} has {} leaves here; leaf {} was asked for", step,
                                         slot.requests.size(), index));
    }
  }

  // Without threads: the first lane to come prepares the step; each fills its own leaf.
  const LeafBatch& fill_here(int64_t step, int index) {
    StepSlot& slot = slot_of(step);
    if (slot.step.load(std::memory_order_acquire) != step) {
      std::unique_lock lock(mutex);
      if (!freed.wait_until(lock, deadline_in(options.timeout), [&] { return free(step); })) {
        throw_late(step, index, "an earlier step was not released");
      }
      if (slot.step.load(std::memory_order_relaxed) != step) prepare(step);
    }
    check_request(slot, step, index);
    LeafSlot& leaf = slot.leaves[static_cast<size_t>(index)];
    if (leaf.state() == LeafSlot::State::pending) {
      leaf.fill(source, order, slot.requests[static_cast<size_t>(index)], options.augment);
    }
    return leaf.batch();
  }

  const LeafBatch& wait_for(int64_t step, int index) {
    StepSlot& slot = slot_of(step);
    const auto prepared = [&] { return slot.step.load(std::memory_order_acquire) == step; };
    const auto ready = [&] {
      if (!prepared()) return false;
      check_request(slot, step, index);
      return slot.leaves[static_cast<size_t>(index)].state() != LeafSlot::State::pending;
    };
    if (!ready()) {
      std::unique_lock lock(mutex);
      if (!filled.wait_until(lock, deadline_in(options.timeout), ready)) {
        throw_late(
            step, index,
            free(step) ? "the reader has not delivered it" : "an earlier step was not released");
      }
    }
    return slot.leaves[static_cast<size_t>(index)].batch();
  }
};

Loader::Loader(const DataSource& source, const Order& order,
               std::function<std::vector<LeafRequest>(int64_t)> plan, int64_t first_step,
               int64_t max_leaves, int64_t max_samples, LoaderOptions options)
    : impl_(std::make_unique<Impl>(source, order, std::move(plan), first_step, max_leaves,
                                   max_samples, options)) {}

Loader::~Loader() = default;

const LeafBatch& Loader::get(int64_t step, int index) {
  const auto start = Clock::now();
  const LeafBatch& batch =
      impl_->workers.empty() ? impl_->fill_here(step, index) : impl_->wait_for(step, index);
  impl_->waited.fetch_add(seconds_since(start), std::memory_order_relaxed);
  return batch;
}

void Loader::release(int64_t step) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->released = std::max(impl_->released, step + 1);
  }
  impl_->freed.notify_all();
}

double Loader::wait_seconds() const { return impl_->waited.load(std::memory_order_relaxed); }

}  // namespace trireme
