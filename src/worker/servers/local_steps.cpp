#include "worker/servers/local_steps.h"

#include <algorithm>

#include "base/error.h"

namespace trireme {
namespace {

OptimizerConfig plain_sgd() {
  OptimizerConfig config{};
  config.name = "sgd";
  return config;
}

}  // namespace

LocalSteps::LocalSteps(const KernelTable& kernels, const ParamTable& params, int64_t every,
                       int64_t start)
    : kernels_(kernels),
      plain_(plain_sgd()),
      rules_(plain_.rules(params)),
      every_(every),
      size_(params.size()),
      sum_(every > 1 ? static_cast<size_t>(params.size()) : 0),
      since_(start),
      next_(start) {}

void LocalSteps::add(const float* gradient, const OptimizerScalars& scalars) {
  ++next_;
  scalars_ = scalars;
  scalars_.step = (scalars.step - 1) / every_ + 1;
  scalars_.grad_scale = 1;
  scalars_.clip_value = 0;
  scalars_.skip = 0;
  if (scalars.skip != 0) return;
  counts_ = true;
  const float scale = scalars.grad_scale, limit = scalars.clip_value;
  if (limit > 0)
    for (int64_t i = 0; i < size_; ++i)
      sum_[static_cast<size_t>(i)] += std::clamp(scale * gradient[i], -limit, limit);
  else
    for (int64_t i = 0; i < size_; ++i) sum_[static_cast<size_t>(i)] += scale * gradient[i];
}

void LocalSteps::move(const float* gradient, const OptimizerScalars& scalars,
                      float* weights) const {
  OptimizerBuffers buffers;
  buffers.grad = gradient;
  buffers.weights = weights;
  if (plain_.step(kernels_, rules_.on_host(), {0, size_}, &scalars, buffers, nullptr) != Status::ok)
    throw DeviceError("the optimizer's kernel failed at a local step");
}

void LocalSteps::pushed() {
  since_ = next_;
  counts_ = false;
  std::ranges::fill(sum_, 0.0f);
}

}  // namespace trireme
