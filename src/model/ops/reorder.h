#pragma once
#include <memory>

#include "model/op.h"

namespace trireme {

// y[n,c,r] = x[n,r,c] for every sample of input(0), seen as rows x cols.
std::unique_ptr<Lowered> lower_reorder(LowerContext& context, int64_t rows, int64_t cols);

}  // namespace trireme
