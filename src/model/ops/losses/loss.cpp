#include "model/ops/losses/loss.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/plan.h"
#include "model/ops/rules.h"

namespace trireme {

Shape Loss::infer(std::span<const Shape> inputs) const {
  require_inputs(kind(), inputs, 1);
  if (inputs[0].rank() != 1)
    throw ShapeError(fmt::format("{}: needs outputs K per sample, got {}", kind(), inputs[0].str()),
                     "put a flatten, global_avg_pool or dense before the loss");
  return {};
}

Cost Loss::cost(std::span<const Shape> inputs) const {
  const auto elements = static_cast<double>(inputs[0].elements());
  return {10 * elements, 2 * sizeof(float) * elements};
}

LoweredLoss::LoweredLoss(LowerContext& context)
    : k_(context.kernels()),
      rows_(context.samples()),
      cols_(context.input_shape(0).elements()),
      target_(context.target()),
      write_(Write::set),
      predictions_(context.input(0)),
      weight_(context.sample_weight()),
      gradient_(context.input_grad(0)),
      scratch_(reduction_scratch(context, rows_, 1)),
      slot_(context.loss_sum_slot()) {
  if (gradient_) write_ = context.input_grad_write(0);
}

Status LoweredLoss::forward(const Frame& f) const noexcept {
  // {loss, weight} of one loss are two neighbours of Frame::sums.
  static_assert(sizeof(LossSums) == 2 * sizeof(double));
  return compute(f, reinterpret_cast<LossSums*>(f.sums + slot_), f.at(gradient_));
}

}  // namespace trireme
