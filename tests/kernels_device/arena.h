#pragma once
#include <array>
#include <cstddef>
#include <mutex>
#include <span>

namespace trireme::test {

// Cuts one range of memory into blocks: a free list per power of two, behind each block a fence
// that shows who wrote past its end. Any thread may call. Nothing is returned to the range's owner,
// who must keep it for as long as blocks are used.
class Arena {
 public:
  // From now on take() gives blocks of `memory`, which must be 64-byte aligned. Before other
  // threads use the arena.
  void open(std::span<std::byte> memory) { memory_ = memory; }
  bool is_open() const { return !memory_.empty(); }

  // `bytes`, at least 64-byte aligned (alignment: a power of two). Null before open() and when no
  // block is left.
  void* take(size_t bytes, size_t alignment);
  // False: not of this arena; nothing was done.
  bool give_back(void* block);
  bool contains(const void* p) const;

  size_t used() const { return used_; }          // bytes of the range that were ever taken
  size_t overruns() const { return overruns_; }  // blocks given back with a broken fence

 private:
  struct Header;
  static constexpr size_t kClasses = 48;

  void* start_of_class(size_t index);

  std::mutex mutex_;
  std::span<std::byte> memory_;
  size_t used_ = 0, overruns_ = 0;
  std::array<void*, kClasses> free_{};  // each block's first word is the next
};

// What operator new takes its memory from once it is open; malloc's before, and when it is
// exhausted std::bad_alloc is thrown.
Arena& device_visible_memory();

}  // namespace trireme::test
