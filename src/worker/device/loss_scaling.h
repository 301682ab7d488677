#pragma once
// How gradients are scaled where Elements have a narrow range: as torch.amp.GradScaler does, with
// its defaults. Users see the scale of the mean loss's gradient, as PyTorch's is; what backward
// computes is the gradient of the sum, which is scaled by that over the batch size, rounded up to a
// power of two.

#include <cstdint>
#include <optional>

#include "kernels/kernel_table.h"

namespace trireme {

// None where there is no need. start: a power of two, as users see it; 0: 65536 for fp16, none for
// other elements.
std::optional<LossScaling> loss_scaling(ElementType element, int64_t batch_size, double start);
// A LossScale::scale as users see it.
double seen_scale(const LossScaling& scaling, float scale);

}  // namespace trireme
