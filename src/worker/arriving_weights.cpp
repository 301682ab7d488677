#include "worker/arriving_weights.h"

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

namespace trireme {

ArrivingWeights::ArrivingWeights(Exchange& exchange, ProgramSet& programs, int lanes)
    : exchange_(exchange), lanes_(lanes) {
  struct Place {
    int64_t samples, index, from;
  };
  std::vector<Place> places;
  for (const int64_t samples : programs.sizes())
    for (int64_t i = 0; i < programs.at(samples).packs(); ++i)
      places.push_back({samples, i, programs.at(samples).pack_from(i)});
  std::ranges::stable_sort(places, std::greater<>(), &Place::from);
  for (const Place& place : places) {
    Job& job = jobs_.emplace_back();
    job.program = &programs.at(place.samples);
    job.index = place.index;
    job.from = place.from;
    job.packed = programs.packed(place.samples);
  }
  for (int lane = 0; lane < lanes; ++lane) gates_.emplace_back(*this, lane);
}

void ArrivingWeights::begin(std::span<const int64_t> sizes) {
  for (Job& job : jobs_) {
    const bool runs = std::ranges::find(sizes, job.program->samples()) != sizes.end();
    job.next.store(runs ? 0 : lanes_, std::memory_order_relaxed);
    job.done.store(runs ? 0 : lanes_, std::memory_order_relaxed);
  }
  for (Gate& gate : gates_) gate.begin();
}

// A part is taken when it can be packed: nobody waits for the servers with one in hand.
void ArrivingWeights::pack(int lane, Job& job) {
  if (job.next.load(std::memory_order_relaxed) >= lanes_) return;
  exchange_.await_weights(lane, job.from);
  for (int part; (part = job.next.fetch_add(1, std::memory_order_relaxed)) < lanes_;) {
    job.program->pack_one(job.index, exchange_.params(), job.packed, part, lanes_, nullptr);
    job.done.fetch_add(1, std::memory_order_release);
  }
}

void ArrivingWeights::Gate::begin() {
  have_ = std::numeric_limits<int64_t>::max();
  jobs_ = 0;
}

// Another lane that fails while it packs ends the wait for it: await_weights() throws.
void ArrivingWeights::Gate::need(int64_t from) {
  if (from >= have_) return;
  size_t end = jobs_;
  for (; end < all_.jobs_.size() && all_.jobs_[end].from >= from; ++end)
    all_.pack(lane_, all_.jobs_[end]);
  all_.exchange_.await_weights(lane_, from);
  for (; jobs_ < end; ++jobs_)
    while (all_.jobs_[jobs_].done.load(std::memory_order_acquire) < all_.lanes_) {
      std::this_thread::yield();
      all_.exchange_.await_weights(lane_, from);
    }
  have_ = from;
}

}  // namespace trireme
