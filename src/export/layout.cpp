#include "export/layout.h"

namespace trireme {
namespace {

// to[n][c][r] = from[n][r][c].
void transpose(int64_t samples, int64_t rows, int64_t cols, const float* from, float* to) {
  for (int64_t n = 0; n < samples; ++n, from += rows * cols, to += rows * cols)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) to[c * rows + r] = from[r * cols + c];
}

}  // namespace

std::optional<Shape> memory_image(const Node& node) {
  if (node.shape.rank() == 3) return node.shape;
  return node.channels_last;
}

void to_channels_last(const Shape& image, int64_t samples, const float* from, float* to) {
  transpose(samples, image[0], image[1] * image[2], from, to);
}

void to_channels_first(const Shape& image, int64_t samples, const float* from, float* to) {
  transpose(samples, image[1] * image[2], image[0], from, to);
}

}  // namespace trireme
