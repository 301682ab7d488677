#include "checkpoint/shards.h"

#include <algorithm>
#include <cstdio>

namespace trireme {

std::vector<std::vector<TensorMeta>> cut_shards(std::vector<TensorMeta> tensors, size_t max_bytes) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorMeta& a, const TensorMeta& b) { return a.name < b.name; });
  std::vector<std::vector<TensorMeta>> shards(1);
  size_t used = 0;
  for (TensorMeta& t : tensors) {
    const size_t bytes = t.bytes();
    if (!shards.back().empty() && bytes > max_bytes - std::min(used, max_bytes)) {
      shards.emplace_back();
      used = 0;
    }
    used += bytes;
    shards.back().push_back(std::move(t));
  }
  return shards;
}

std::string shard_name(const std::string& stem, size_t index, size_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05zu-of-%05zu.safetensors", index + 1, count);
  return stem + text;
}

}  // namespace trireme
