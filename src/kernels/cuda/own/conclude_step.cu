#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/reduce.h"

namespace trireme::cu {
namespace {

// One block: a thread adds every 1,024th partial sum, the block its threads' sums as a tree.
constexpr unsigned kThreads = kWarp * kMostWarps;

__device__ void adapt(LossScale& of, const LossScaling& rule, bool too_large,
                      OptimizerScalars* scalars, StepVerdict* verdict) {
  scalars->step -= static_cast<int64_t>(of.skipped);
  verdict->loss_scale = of.scale;
  verdict->too_large = too_large && of.scale > rule.least;
  if (verdict->too_large) {
    of = {fmaxf(of.scale * rule.backoff, rule.least), 0, of.skipped + 1};
  } else if (verdict->applied && ++of.good_steps >= rule.interval) {
    of.scale = fminf(of.scale * rule.growth, rule.most);
    of.good_steps = 0;
  }
}

__global__ void __launch_bounds__(kThreads)
    conclude_step_kernel(StepEnd end, const double* partials, const double* loss_sums,
                         OptimizerScalars* scalars, StepVerdict* verdict) {
  double squares = 0;
  for (int64_t i = threadIdx.x; i < end.partials; i += blockDim.x) squares += partials[i];
  squares = block_sum(squares);
  if (threadIdx.x > 0) return;
  const double weight = loss_sums[1];
  double scale = weight > 0 ? 1 / weight : 0;
  if (end.loss_scale) scale /= static_cast<double>(end.loss_scale->scale);
  const double norm = sqrt(squares) * scale;
  bool losses_finite = true;
  for (int64_t j = 0; j < end.losses; ++j) {
    const double loss = loss_sums[2 * j], of = loss_sums[2 * j + 1];
    if (of > 0) losses_finite = losses_finite && isfinite(loss / of);
  }
  const bool finite = losses_finite && isfinite(norm);
  const double clip = end.clip_norm > 0 ? end.clip_norm / (norm + 1e-6) : 1;
  const bool applied = finite && weight > 0;
  scalars->grad_scale = static_cast<float>(scale * (clip < 1 ? clip : 1));
  scalars->skip = !applied;
  *verdict = {norm, finite, applied, 0, 0};
  if (end.loss_scale)
    adapt(*end.loss_scale, end.scaling, losses_finite && !finite && weight > 0, scalars, verdict);
}

Status conclude_step(Stream* s, const StepEnd* end, const double* partials, const double* loss_sums,
                     OptimizerScalars* scalars, StepVerdict* verdict) noexcept {
  if (end->losses < 1) return Status::invalid;
  return launch(conclude_step_kernel, 1, kThreads, 0, s, *end, partials, loss_sums, scalars,
                verdict);
}

}  // namespace

void fill_conclude_step(KernelTable& t) noexcept { t.conclude_step = conclude_step; }

}  // namespace trireme::cu
