#pragma once
// Single elements of stored tensors as doubles.

#include <cstddef>

#include "tensor/dtype.h"

namespace trireme {

// The value at `p` (unaligned is fine). int64 beyond 2^53 is rounded.
double element_value(DType type, const std::byte* p);

}  // namespace trireme
