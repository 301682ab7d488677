#pragma once
#include "kernels/kernel_table.h"

namespace trireme::cu {

// y[r,c] += bias[c], rounded to an Element: for plans whose library adds no fp32 bias to it.
using AddBias = Status (*)(Stream*, int64_t rows, int64_t cols, const float* bias,
                           Element* y) noexcept;
AddBias add_bias_of(ElementType element) noexcept;

}  // namespace trireme::cu
