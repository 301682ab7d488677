#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

void adapt(LossScale& of, const LossScaling& rule, bool too_large, OptimizerScalars* scalars,
           StepVerdict* verdict) {
  scalars->step -= static_cast<int64_t>(of.skipped);
  verdict->loss_scale = of.scale;
  verdict->too_large = too_large && of.scale > rule.least;
  if (verdict->too_large) {
    const float lower = of.scale * rule.backoff;
    of = {lower > rule.least ? lower : rule.least, 0, of.skipped + 1};
  } else if (verdict->applied && ++of.good_steps >= rule.interval) {
    const float higher = of.scale * rule.growth;
    of.scale = higher < rule.most ? higher : rule.most;
    of.good_steps = 0;
  }
}

}  // namespace

// The partial sums are added in their order: the bits of every instruction level are the same.
Status conclude_step(Stream*, const StepEnd* end, const double* partials, const double* loss_sums,
                     OptimizerScalars* scalars, StepVerdict* verdict) noexcept {
  if (end->losses < 1) return Status::invalid;
  double squares = 0;
  for (int64_t i = 0; i < end->partials; ++i) squares += partials[i];
  const double weight = loss_sums[1];
  double scale = weight > 0 ? 1 / weight : 0;
  if (end->loss_scale) scale /= static_cast<double>(end->loss_scale->scale);
  const double norm = __builtin_sqrt(squares) * scale;
  bool losses_finite = true;
  for (int64_t j = 0; j < end->losses; ++j) {
    const double loss = loss_sums[2 * j], of = loss_sums[2 * j + 1];
    if (of > 0) losses_finite = losses_finite && __builtin_isfinite(loss / of);
  }
  const bool finite = losses_finite && __builtin_isfinite(norm);
  const double clip = end->clip_norm > 0 ? end->clip_norm / (norm + 1e-6) : 1;
  const bool applied = finite && weight > 0;
  scalars->grad_scale = static_cast<float>(scale * (clip < 1 ? clip : 1));
  scalars->skip = !applied;
  *verdict = {norm, finite, applied, 0, 0};
  if (end->loss_scale) {
    const bool too_large = losses_finite && !finite && weight > 0;
    adapt(*end->loss_scale, end->scaling, too_large, scalars, verdict);
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
