#include "base/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace trireme {
namespace {
constexpr size_t kPage = 4096, kHugePage = size_t{2} << 20;

size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }
}  // namespace

void* zeroed_memory(size_t bytes, size_t alignment) {
  const bool large = bytes >= kHugePage;
  const size_t step = large ? std::max(alignment, kHugePage) : alignment;
  if (bytes > SIZE_MAX - alignment) return nullptr;
  const size_t rounded = round_up(std::max<size_t>(bytes, 1), alignment);
  void* memory = nullptr;
  if (posix_memalign(&memory, step, rounded) != 0) return nullptr;
  // Whole pages alone: nothing beyond the buffer gets memory. Refused, the small pages stay.
  if (large) madvise(memory, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);
  std::memset(memory, 0, rounded);
  return memory;
}

ReservedMemory::ReservedMemory(size_t bytes, size_t small) {
  if (bytes == 0 || bytes > SIZE_MAX - 2 * kHugePage) return;
  const size_t rounded = round_up(bytes, kPage);
  void* range = mmap(nullptr, rounded + kHugePage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return;
  // What lies before and behind the aligned range goes back.
  const auto at = reinterpret_cast<uintptr_t>(range);
  const size_t before = round_up(at, kHugePage) - at, behind = kHugePage - before;
  data_ = static_cast<std::byte*>(range) + before;
  bytes_ = rounded;
  if (before > 0) munmap(range, before);
  if (behind > 0) munmap(data_ + rounded, behind);
  const size_t first = round_up(small, kHugePage), end = bytes / kHugePage * kHugePage;
  if (first < end) madvise(data_ + first, end - first, MADV_HUGEPAGE);  // refused: they stay small
}

ReservedMemory::~ReservedMemory() {
  if (data_) munmap(data_, bytes_);
}

size_t ReservedMemory::resident(size_t touched, size_t small) {
  return round_up(touched, touched > round_up(small, kHugePage) ? kHugePage : kPage);
}

}  // namespace trireme
