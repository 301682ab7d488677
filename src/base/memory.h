#pragma once
#include <cstddef>
#include <utility>

namespace trireme {

// Zeroed memory for std::free(); null where there is none. `alignment`: a power of two. What is at
// least as large as a huge page (2 MiB) asks the system for such pages: activations and tables are
// walked from end to end or at random, and would need more small pages than a core can translate.
void* zeroed_memory(size_t bytes, size_t alignment);

// Owns an address range of its own whose pages become memory, zeroed, when they are first touched.
// What lies at or behind `small` asks for huge pages; the start of a range that may stay small does
// not take a whole one.
class ReservedMemory {
 public:
  ReservedMemory() = default;
  // Of whole pages; null where there is no such range, or bytes == 0.
  ReservedMemory(size_t bytes, size_t small);
  ReservedMemory(ReservedMemory&& from) noexcept
      : data_(std::exchange(from.data_, nullptr)), bytes_(std::exchange(from.bytes_, 0)) {}
  ReservedMemory& operator=(ReservedMemory&& from) noexcept {
    std::swap(data_, from.data_);
    std::swap(bytes_, from.bytes_);
    return *this;
  }
  ~ReservedMemory();
  std::byte* data() const { return data_; }
  // What is in memory when the first `touched` bytes are, at most.
  static size_t resident(size_t touched, size_t small);

 private:
  std::byte* data_ = nullptr;  // aligned to a huge page
  size_t bytes_ = 0;
};

}  // namespace trireme
