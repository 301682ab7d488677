#include "optim/optimizer.h"

#include <array>
#include <cstddef>

#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

struct KindName {
  const char* name;
  OptimizerKind kind;
};
constexpr std::array kKinds = {
    KindName{"sgd", OptimizerKind::sgd},         KindName{"adam", OptimizerKind::adam},
    KindName{"adamw", OptimizerKind::adamw},     KindName{"adagrad", OptimizerKind::adagrad},
    KindName{"rmsprop", OptimizerKind::rmsprop}, KindName{"ftrl", OptimizerKind::ftrl}};

OptimizerKind kind_of(const std::string& name) {
  std::vector<std::string> known;
  for (const KindName& k : kKinds) {
    if (name == k.name) return k.kind;
    known.emplace_back(k.name);
  }
  const auto near = nearest(name, known);
  throw ConfigError("optimizer.name: unknown optimizer '" + name + "'",
                    near ? "did you mean '" + *near + "'?" : "one of " + join(known, ", "));
}

std::vector<std::string> state_names(const OptimizerSpec& spec) {
  switch (spec.kind) {
    case OptimizerKind::sgd:
      if (spec.momentum != 0) return {"momentum_buffer"};
      return {};
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return {"exp_avg", "exp_avg_sq"};
    case OptimizerKind::adagrad:
      return {"sum"};
    case OptimizerKind::ftrl:
      return {"ftrl_z", "ftrl_n"};
    case OptimizerKind::rmsprop:
      break;
  }
  std::vector<std::string> names = {"square_avg"};
  if (spec.momentum != 0) names.emplace_back("momentum_buffer");
  if (spec.centered != 0) names.emplace_back("grad_avg");
  return names;
}

float* shifted(float* base, int64_t offset) { return base ? base + offset : nullptr; }

Element* shifted(Element* base, int64_t offset, ElementType type) {
  if (!base) return nullptr;
  auto* bytes = reinterpret_cast<std::byte*>(base);
  return reinterpret_cast<Element*>(bytes + static_cast<size_t>(offset) * bytes_of(type));
}

}  // namespace

Optimizer::Optimizer(const OptimizerConfig& config) : decay_all_(config.decay_all) {
  spec_.kind = kind_of(config.name);
  // PyTorch refuses the same: Nesterov's look-ahead is only defined for an undamped velocity.
  if (config.nesterov && (config.momentum <= 0 || config.dampening != 0)) {
    throw ConfigError("optimizer.nesterov needs momentum > 0 and dampening = 0, not momentum " +
                          std::to_string(config.momentum) + " and dampening " +
                          std::to_string(config.dampening),
                      "set optimizer.momentum, or optimizer.nesterov = false");
  }
  spec_.momentum = static_cast<float>(config.momentum);
  spec_.dampening = static_cast<float>(config.dampening);
  spec_.nesterov = config.nesterov ? 1 : 0;
  spec_.beta1 = static_cast<float>(config.beta1);
  spec_.beta2 = static_cast<float>(config.beta2);
  spec_.epsilon = static_cast<float>(config.epsilon);
  spec_.weight_decay = static_cast<float>(config.weight_decay);
  spec_.rho = static_cast<float>(config.rho);
  spec_.centered = config.centered ? 1 : 0;
  spec_.lr_decay = static_cast<float>(config.lr_decay);
  spec_.l1 = static_cast<float>(config.l1);
  spec_.l2 = static_cast<float>(config.l2);
  spec_.beta = static_cast<float>(config.beta);
  spec_.initial_accumulator = static_cast<float>(config.initial_accumulator);
  state_ = state_names(spec_);
}

float Optimizer::initial_state(int /*i*/) const {
  return spec_.kind == OptimizerKind::adagrad ? spec_.initial_accumulator : 0.0f;
}

Status Optimizer::step(const KernelTable& kernels, const SlotRules& rules, Range range,
                       const OptimizerScalars* scalars, const OptimizerBuffers& buffers,
                       Stream* stream) const {
  const int64_t at = range.begin;
  return kernels.optimizer_step(
      stream, &spec_, scalars, &rules, at, range.size(), buffers.grad + at, buffers.weights + at,
      shifted(buffers.state[0], at), shifted(buffers.state[1], at), shifted(buffers.state[2], at),
      shifted(buffers.ema, at), shifted(buffers.low, at, kernels.element));
}

}  // namespace trireme
