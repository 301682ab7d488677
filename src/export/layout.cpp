#include "export/layout.h"

#include <algorithm>
#include <optional>

namespace trireme {
namespace {

// to[n][c][r] = from[n][r][c].
void transpose(int64_t samples, int64_t rows, int64_t cols, const float* from, float* to) {
  for (int64_t n = 0; n < samples; ++n, from += rows * cols, to += rows * cols)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) to[c * rows + r] = from[r * cols + c];
}

// The image C,H,W in whose H,W,C order the node's values lie in memory.
std::optional<Shape> image_of(const Node& node) {
  if (node.shape.rank() == 3) return node.shape;
  return node.channels_last;
}

}  // namespace

void to_memory_order(const Node& node, int64_t samples, const float* logical, float* memory) {
  if (const auto image = image_of(node))
    transpose(samples, (*image)[0], (*image)[1] * (*image)[2], logical, memory);
  else
    std::copy_n(logical, samples * node.shape.elements(), memory);
}

void to_logical_order(const Node& node, int64_t samples, const float* memory, float* logical) {
  if (const auto image = image_of(node))
    transpose(samples, (*image)[1] * (*image)[2], (*image)[0], memory, logical);
  else
    std::copy_n(memory, samples * node.shape.elements(), logical);
}

HostTensor to_logical_tensor(const Node& node, int64_t samples, const float* memory) {
  HostTensor tensor = HostTensor::zeros(node.shape.with_batch(samples));
  to_logical_order(node, samples, memory, tensor.floats().data());
  return tensor;
}

}  // namespace trireme
