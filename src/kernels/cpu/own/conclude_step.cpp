#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {

// The partial sums are added in their order: the bits of every instruction level are the same.
Status conclude_step(Stream*, const StepEnd* end, const double* partials, const double* loss_sums,
                     OptimizerScalars* scalars, StepVerdict* verdict) noexcept {
  if (end->losses < 1) return Status::invalid;
  double squares = 0;
  for (int64_t i = 0; i < end->partials; ++i) squares += partials[i];
  const double weight = loss_sums[1], scale = weight > 0 ? 1 / weight : 0;
  const double norm = __builtin_sqrt(squares) * scale;
  bool finite = __builtin_isfinite(norm);
  for (int64_t j = 0; j < end->losses; ++j) {
    const double loss = loss_sums[2 * j], of = loss_sums[2 * j + 1];
    if (of > 0) finite = finite && __builtin_isfinite(loss / of);
  }
  const double clip = end->clip_norm > 0 ? end->clip_norm / (norm + 1e-6) : 1;
  const bool applied = finite && weight > 0;
  scalars->grad_scale = static_cast<float>(scale * (clip < 1 ? clip : 1));
  scalars->skip = !applied;
  *verdict = {norm, finite, applied};
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
