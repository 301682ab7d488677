#include "worker/exchange/buckets.h"

#include <algorithm>

namespace trireme {

std::vector<Range> cut_buckets(int64_t elements, int64_t size) {
  const auto whole_chunks = [](int64_t n) { return std::max<int64_t>(1, n / kChunk) * kChunk; };
  const int64_t large = whole_chunks(size), small = whole_chunks(size / 4);
  std::vector<Range> buckets;
  for (int64_t at = 0; at < elements; at = buckets.back().end) {
    const int64_t left = elements - at;
    buckets.push_back({at, at + std::min(left, at == 0 || left <= large ? small : large)});
  }
  return buckets;
}

}  // namespace trireme
