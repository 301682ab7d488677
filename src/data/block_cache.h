#pragma once
// Blocks of data that are made when they are first asked for; the most recently used ones are kept.

#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace trireme {

// Thread-safe. Two threads that ask for the same block wait for one making; others go on meanwhile.
// What a making throws reaches all who wait for it, and the block is made anew when next asked for.
template <class Block>
class BlockCache {
 public:
  using Pointer = std::shared_ptr<const Block>;
  BlockCache(size_t capacity, std::function<Pointer(size_t)> make)
      : capacity_(capacity), make_(std::move(make)) {}

  Pointer get(size_t index) {
    std::unique_lock lock(mutex_);
    if (const auto found = entries_.find(index); found != entries_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second.place);
      const std::shared_future<Pointer> block = found->second.block;
      lock.unlock();
      return block.get();
    }
    std::promise<Pointer> promise;
    recent_.push_front(index);
    entries_.emplace(index, Entry{promise.get_future().share(), recent_.begin()});
    if (entries_.size() > capacity_) forget(recent_.back());
    lock.unlock();
    return fulfil(index, promise);
  }

 private:
  struct Entry {
    std::shared_future<Pointer> block;
    std::list<size_t>::iterator place;
  };

  void forget(size_t index) {
    const auto found = entries_.find(index);
    if (found == entries_.end()) return;
    recent_.erase(found->second.place);
    entries_.erase(found);
  }

  Pointer fulfil(size_t index, std::promise<Pointer>& promise) {
    try {
      Pointer block = make_(index);
      promise.set_value(block);
      return block;
    } catch (...) {
      promise.set_exception(std::current_exception());
      const std::lock_guard lock(mutex_);
      forget(index);
      throw;
    }
  }

  size_t capacity_;  // blocks; one at least
  std::function<Pointer(size_t)> make_;
  std::mutex mutex_;
  std::unordered_map<size_t, Entry> entries_;
  std::list<size_t> recent_;  // the most recent first
};

}  // namespace trireme
