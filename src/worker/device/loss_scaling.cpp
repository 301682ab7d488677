#include "worker/device/loss_scaling.h"

#include <bit>

namespace trireme {

// A scale of 1 computes what PyTorch computes without one. 2^24 is more than any gradient needs
// that is not zero in fp16 altogether.
std::optional<LossScaling> loss_scaling(ElementType element, int64_t batch_size, double start) {
  if (start == 0 && element != ElementType::f16) return {};
  const float unit = 1.0f / static_cast<float>(std::bit_ceil(static_cast<uint64_t>(batch_size)));
  return LossScaling{.start = unit * static_cast<float>(start == 0 ? 65536 : start),
                     .growth = 2,
                     .backoff = 0.5f,
                     .interval = 2000,
                     .least = unit,
                     .most = unit * 0x1p24f};
}

double seen_scale(const LossScaling& scaling, float scale) {
  return static_cast<double>(scale) / static_cast<double>(scaling.least);
}

}  // namespace trireme
