#pragma once
#include <span>

#include "checkpoint/checkpoint.h"

namespace trireme {

// Adds the elements of `a` and `b`, of one type and number, to `difference`: those whose bits
// differ, and the largest distances. Only one NaN counts as infinitely far; equal infinities, two
// NaNs and +-0 are 0 apart.
void compare_values(DType dtype, std::span<const std::byte> a, std::span<const std::byte> b,
                    TensorDifference& difference);

}  // namespace trireme
