#pragma once
#include <memory>

#include "model/op.h"

namespace trireme {

// Keeps each maximum's place in its window (one byte) for backward.
std::unique_ptr<Lowered> lower_max_pool(LowerContext& context, const Pool2dSpec& spec);
std::unique_ptr<Lowered> lower_average_pool(LowerContext& context, const Pool2dSpec& spec);

}  // namespace trireme
