#include "comm/thread_world.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/memory.h"
#include "comm/sentence.h"

namespace trireme {

ThreadMemory::ThreadMemory(size_t bytes) : size_(bytes) {
  constexpr size_t kPage = 4096;
  data_.reset(static_cast<std::byte*>(zeroed_memory(bytes, kPage)));
  if (!data_) throw std::bad_alloc();
}

void ThreadMemory::Free::operator()(std::byte* p) const noexcept { std::free(p); }

ThreadWorld::ThreadWorld(std::vector<Member> members)
    : members_(std::move(members)), seats_(members_.size()) {
  for (const Member& m : members_)
    windows_.resize(std::max(windows_.size(), static_cast<size_t>(m.node) + 1));
}

void ThreadWorld::hand_over(PostedReceive& receive, Bytes bytes) {
  std::copy_n(bytes.begin(), std::min(bytes.size(), receive.into.size()), receive.into.begin());
  receive.received = bytes.size();
}

void ThreadWorld::deliver(int from, int to, int tag, Bytes data) {
  const std::lock_guard lock(mutex_);
  Seat& seat = seats_[static_cast<size_t>(to)];
  const auto fits = [&](const auto& r) { return r->from == from && r->tag == tag; };
  const auto posted = std::find_if(seat.posted.begin(), seat.posted.end(), fits);
  if (posted != seat.posted.end()) {
    hand_over(**posted, data);
    seat.posted.erase(posted);
  } else {
    seat.unread.push_back({from, tag, {data.begin(), data.end()}});
  }
  ++seat.events;
  happened_.notify_all();
}

void ThreadWorld::post(int rank, std::shared_ptr<PostedReceive> receive) {
  const std::lock_guard lock(mutex_);
  Seat& seat = seats_[static_cast<size_t>(rank)];
  const auto fits = [&](const Letter& l) {
    return l.from == receive->from && l.tag == receive->tag;
  };
  const auto letter = std::find_if(seat.unread.begin(), seat.unread.end(), fits);
  if (letter == seat.unread.end()) {
    seat.posted.push_back(std::move(receive));
    return;
  }
  hand_over(*receive, letter->bytes);
  seat.unread.erase(letter);
}

void ThreadWorld::withdraw(int rank, const PostedReceive* receive) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(seats_[static_cast<size_t>(rank)].posted,
                [&](const auto& r) { return r.get() == receive; });
}

bool ThreadWorld::done(const PostedReceive& receive) {
  const std::lock_guard lock(mutex_);
  return receive.received.has_value();
}

void ThreadWorld::pause(int rank) {
  std::unique_lock lock(mutex_);
  Seat& seat = seats_[static_cast<size_t>(rank)];
  happened_.wait_for(lock, std::chrono::milliseconds(1), [&] { return seat.events != seat.seen; });
  seat.seen = seat.events;
}

void ThreadWorld::tell_all() {
  for (Seat& seat : seats_) ++seat.events;
  happened_.notify_all();
}

void ThreadWorld::fail(int rank, std::string_view why) {
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) failure_ = first_cause(members_[static_cast<size_t>(rank)], why);
  tell_all();
}

std::string ThreadWorld::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void ThreadWorld::leave(int rank) {
  const std::lock_guard lock(mutex_);
  seats_[static_cast<size_t>(rank)].left = true;
  tell_all();
}

bool ThreadWorld::has_left(int rank) {
  const std::lock_guard lock(mutex_);
  return seats_[static_cast<size_t>(rank)].left;
}

void ThreadWorld::give_up(int told, int by) {
  const std::lock_guard lock(mutex_);
  seats_[static_cast<size_t>(told)].gave_up = by;
  tell_all();
}

std::optional<int> ThreadWorld::take_gave_up(int rank) {
  const std::lock_guard lock(mutex_);
  return std::exchange(seats_[static_cast<size_t>(rank)].gave_up, std::nullopt);
}

std::shared_ptr<ThreadMemory> ThreadWorld::window(int node, size_t index, size_t bytes) {
  const std::lock_guard lock(mutex_);
  auto& made = windows_[static_cast<size_t>(node)];
  if (made.size() == index) made.push_back(std::make_shared<ThreadMemory>(bytes));
  return made[index];
}

}  // namespace trireme
