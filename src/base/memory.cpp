#include "base/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace trireme {

void* zeroed_memory(size_t bytes, size_t alignment) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const bool large = bytes >= kHugePage;
  const size_t step = large ? std::max(alignment, kHugePage) : alignment;
  if (bytes > SIZE_MAX - alignment) return nullptr;
  const size_t rounded = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void* memory = nullptr;
  if (posix_memalign(&memory, step, rounded) != 0) return nullptr;
  // Whole pages alone: nothing beyond the buffer gets memory. Refused, the small pages stay.
  if (large) madvise(memory, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);
  std::memset(memory, 0, rounded);
  return memory;
}

}  // namespace trireme
