#pragma once
// Between the logical order of files (N,C,H,W) and the order in memory (N,H,W,C).

#include <cstdint>
#include <optional>

#include "model/graph.h"

namespace trireme {

// The image shape C,H,W in whose H,W,C order a value of this node lies in memory; nullopt: logical
// order.
std::optional<Shape> memory_image(const Node& node);

// `samples` images each. `from` and `to` must not overlap.
void to_channels_last(const Shape& image, int64_t samples, const float* from, float* to);
void to_channels_first(const Shape& image, int64_t samples, const float* from, float* to);

}  // namespace trireme
