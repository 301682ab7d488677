#include "model/compile/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "tensor/buffer.h"

namespace trireme {

size_t plan_memory(std::vector<PlannedBuffer>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  size_t total = 0;
  std::vector<size_t> placed;  // by offset
  for (size_t index : order) {
    PlannedBuffer& buffer = buffers[index];
    const size_t bytes = align_up(buffer.bytes);
    size_t offset = 0;
    for (size_t other_index : placed) {
      const PlannedBuffer& other = buffers[other_index];
      if (other.bytes == 0 || other.last < buffer.first || buffer.last < other.first) continue;
      const size_t other_begin = static_cast<size_t>(other.offset);
      if (offset + bytes <= other_begin) break;
      offset = std::max(offset, other_begin + align_up(other.bytes));
    }
    buffer.offset = static_cast<int64_t>(bytes == 0 ? 0 : offset);
    total = std::max(total, static_cast<size_t>(buffer.offset) + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), index, [&](size_t a, size_t b) {
      return buffers[a].offset < buffers[b].offset;
    });
    placed.insert(at, index);
  }
  return total;
}

}  // namespace trireme
