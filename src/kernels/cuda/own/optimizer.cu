// torch.optim's update rules and FTRL-proximal. One pass over the range: a thread reads gradient,
// weight, moments and average of its four neighbouring elements (128-bit loads and stores where all
// buffers allow it), and writes them back, and the weight once more as an Element where it has a
// low-precision copy. They lie in one block of the slots' rules. The step's scalars lie in device
// memory, so that a captured step can be replayed; each block of threads turns them into factors:
// one thread what depends on the step alone, then a thread a rule.
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/vectors.h"

namespace trireme::cu {
namespace {

struct RuleFactors {
  float lr, decay, adam_step;  // decay of ftrl: what l1 and l2 are multiplied by
};
struct StepFactors {
  double first_correction, aging;  // 1 - beta1^step; adagrad's 1 + (step - 1) lr_decay
  float root_correction;
};
struct Factors {  // of one element
  RuleFactors rule;
  float root_correction, grad_scale, clip, average_take;
  bool first;
};

__device__ StepFactors factors_of_step(const OptimizerSpec& o, const OptimizerScalars& s) {
  StepFactors f{1, 1, 1};
  const double step = static_cast<double>(s.step);
  if (o.kind == OptimizerKind::adam || o.kind == OptimizerKind::adamw) {
    f.first_correction = 1.0 - pow(static_cast<double>(o.beta1), step);
    f.root_correction = static_cast<float>(sqrt(1.0 - pow(static_cast<double>(o.beta2), step)));
  }
  if (o.kind == OptimizerKind::adagrad)
    f.aging = 1.0 + (step - 1) * static_cast<double>(o.lr_decay);
  return f;
}

__device__ RuleFactors factors_of_rule(const OptimizerSpec& o, const OptimizerScalars& s,
                                       const StepFactors& step, const SlotRule& rule) {
  const double lr = static_cast<double>(s.lr) * static_cast<double>(rule.lr_scale);
  const float decay = o.kind == OptimizerKind::ftrl ? 1.0f : o.weight_decay;
  RuleFactors f{static_cast<float>(lr / step.aging), decay * rule.decay_scale,
                static_cast<float>(lr / step.first_correction)};
  if (s.step < 1) f.lr = f.adam_step = NAN;  // no bias correction exists: the weights show it
  return f;
}

struct Values {
  float g, w, s0, s1, s2;
};

__device__ inline void step_sgd(const OptimizerSpec& o, const Factors& f, Values& e) {
  e.g += f.rule.decay * e.w;
  if (o.momentum != 0.0f) {
    const float keep = f.first ? 0.0f : o.momentum, take = f.first ? 1.0f : 1.0f - o.dampening;
    e.s0 = keep * e.s0 + take * e.g;
    e.g = o.nesterov ? e.g + o.momentum * e.s0 : e.s0;
  }
  e.w -= f.rule.lr * e.g;
}

__device__ inline void step_adam(const OptimizerSpec& o, const Factors& f, Values& e) {
  const bool decoupled = o.kind == OptimizerKind::adamw;
  if (!decoupled) e.g += f.rule.decay * e.w;
  const float shrink = decoupled ? 1.0f - f.rule.lr * f.rule.decay : 1.0f;
  e.s0 += (1.0f - o.beta1) * (e.g - e.s0);
  e.s1 = o.beta2 * e.s1 + (1.0f - o.beta2) * e.g * e.g;
  const float root = sqrtf(e.s1) / f.root_correction + o.epsilon;
  e.w = e.w * shrink - f.rule.adam_step * (e.s0 / root);
}

__device__ inline void step_adagrad(const OptimizerSpec& o, const Factors& f, Values& e) {
  e.g += f.rule.decay * e.w;
  e.s0 += e.g * e.g;
  e.w -= f.rule.lr * (e.g / (sqrtf(e.s0) + o.epsilon));
}

// The momentum buffer comes before the gradient's average; either may be absent.
__device__ inline void step_rmsprop(const OptimizerSpec& o, const Factors& f, Values& e) {
  e.g += f.rule.decay * e.w;
  const bool momentum = o.momentum > 0.0f;
  float& average = momentum ? e.s2 : e.s1;
  const float take = 1.0f - o.rho;
  e.s0 = o.rho * e.s0 + take * e.g * e.g;
  float variance = e.s0;
  if (o.centered) {
    average += take * (e.g - average);
    variance -= average * average;
  }
  e.g /= sqrtf(variance) + o.epsilon;
  if (momentum) e.g = e.s1 = o.momentum * e.s1 + e.g;
  e.w -= f.rule.lr * e.g;
}

// z and n.
__device__ inline void step_ftrl(const OptimizerSpec& o, const Factors& f, Values& e) {
  const float sum = e.s1 + e.g * e.g;
  if (f.rule.lr <= 0.0f || sum == 0.0f) return;
  const float rate = 1.0f / f.rule.lr, l1 = o.l1 * f.rule.decay, l2 = o.l2 * f.rule.decay;
  const float sign = e.w > 0.0f ? 1.0f : (e.w < 0.0f ? -1.0f : 0.0f), root = sqrtf(sum);
  const float before = e.s1 == 0.0f ? -(e.w * (o.beta * rate + l2) + sign * l1) : e.s0;
  e.s0 = before + e.g - (root - sqrtf(e.s1)) * rate * e.w;
  e.s1 = sum;
  const float size = fabsf(e.s0) - l1;
  e.w = size <= 0.0f ? 0.0f : copysignf(size, -e.s0) / ((o.beta + root) * rate + l2);
}

template <OptimizerKind kKind>
__device__ inline void step(const OptimizerSpec& o, const Factors& f, Values& e) {
  if constexpr (kKind == OptimizerKind::sgd) step_sgd(o, f, e);
  if constexpr (kKind == OptimizerKind::adam) step_adam(o, f, e);  // and adamw
  if constexpr (kKind == OptimizerKind::adagrad) step_adagrad(o, f, e);
  if constexpr (kKind == OptimizerKind::rmsprop) step_rmsprop(o, f, e);
  if constexpr (kKind == OptimizerKind::ftrl) step_ftrl(o, f, e);
}

template <class T>
struct Buffers {  // a moment that is not there is null
  const float* grad;
  float* weights;
  float* state[3];
  float* ema;
  T* low;
};

template <OptimizerKind kKind, int kWidth, class T>
__device__ inline void update(const OptimizerSpec& o, const Factors& f, const Buffers<T>& b,
                              int64_t i) {
  const Pack<kWidth> grad = load<kWidth>(b.grad + i);
  Pack<kWidth> w = load<kWidth>(b.weights + i), state[3] = {};
  for (int j = 0; j < 3; ++j)
    if (b.state[j]) state[j] = load<kWidth>(b.state[j] + i);
  for (int k = 0; k < kWidth; ++k) {
    float g = grad.at[k] * f.grad_scale;
    if (f.clip > 0.0f) g = g > f.clip ? f.clip : (g < -f.clip ? -f.clip : g);
    Values e{g, w.at[k], state[0].at[k], state[1].at[k], state[2].at[k]};
    step<kKind>(o, f, e);
    w.at[k] = e.w;
    state[0].at[k] = e.s0;
    state[1].at[k] = e.s1;
    state[2].at[k] = e.s2;
  }
  store(b.weights + i, w);
  if (b.low) store(b.low + i, w);
  for (int j = 0; j < 3; ++j)
    if (b.state[j]) store(b.state[j] + i, state[j]);
  if (!b.ema) return;
  Pack<kWidth> average = load<kWidth>(b.ema + i);
  for (int k = 0; k < kWidth; ++k) average.at[k] += f.average_take * (w.at[k] - average.at[k]);
  store(b.ema + i, average);
}

template <OptimizerKind kKind, int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    optimizer_kernel(OptimizerSpec o, const OptimizerScalars* scalars, SlotRules rules,
                     int64_t begin, int64_t n, Buffers<T> b) {
  if (scalars->skip != 0) return;
  TRIREME_SHARED(StepFactors, of_step, 1);
  TRIREME_SHARED(RuleFactors, of_rule, kMostRules);
  if (threadIdx.x == 0) of_step[0] = factors_of_step(o, *scalars);
  __syncthreads();
  for (int r = static_cast<int>(threadIdx.x); r < rules.count; r += static_cast<int>(kBlock))
    of_rule[r] = factors_of_rule(o, *scalars, of_step[0], rules.rules[r]);
  __syncthreads();
  Factors f{{},
            of_step[0].root_correction,
            scalars->grad_scale,
            scalars->clip_value,
            1.0f - scalars->ema_decay,
            scalars->step == 1};
  for (int64_t i = first_index() * kWidth; i < n; i += grid_stride() * kWidth) {
    const int64_t at = begin + i;
    const SlotBlock block = rules.blocks ? rules.blocks[at / kRuleBlock] : SlotBlock{0, kRuleBlock};
    const int64_t count = smaller(n - i, block.count - at % kRuleBlock);  // of those from i on
    f.rule = of_rule[block.rule];
    if (count >= kWidth) {
      update<kKind, kWidth>(o, f, b, i);
    } else {
      for (int64_t k = 0; k < count; ++k) update<kKind, 1>(o, f, b, i + k);
    }
  }
}

bool has_state(const OptimizerSpec& o, const float* const (&s)[3]) {
  switch (o.kind) {
    case OptimizerKind::sgd:
      return o.momentum == 0.0f || s[0];
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
    case OptimizerKind::ftrl:
      return s[0] && s[1];
    case OptimizerKind::adagrad:
      return s[0];
    case OptimizerKind::rmsprop: {
      const int extra = (o.momentum > 0.0f) + (o.centered != 0);
      return s[0] && (extra < 1 || s[1]) && (extra < 2 || s[2]);
    }
  }
  return false;
}

// How many moments the rule keeps; others are not touched.
int moments(const OptimizerSpec& o) {
  switch (o.kind) {
    case OptimizerKind::sgd:
      return o.momentum != 0.0f;
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
    case OptimizerKind::ftrl:
      return 2;
    case OptimizerKind::adagrad:
      return 1;
    case OptimizerKind::rmsprop:
      break;
  }
  return 1 + (o.momentum > 0.0f) + (o.centered != 0);
}

template <OptimizerKind kKind, class T>
Status launch_step(Stream* s, const OptimizerSpec& o, const OptimizerScalars* scalars,
                   const SlotRules& rules, int64_t begin, int64_t n, const Buffers<T>& b) noexcept {
  // Four elements at a time only where they lie in one block of the rules.
  const bool vectors = begin % 4 == 0 && aligned(b.low, 4 * sizeof(T)) &&
                       all_aligned(b.grad, b.weights, b.state[0], b.state[1], b.state[2], b.ema);
  return launch(vectors ? optimizer_kernel<kKind, 4, T> : optimizer_kernel<kKind, 1, T>,
                grid_for(vectors ? ceil_div(n, 4) : n), kBlock, 0, s, o, scalars, rules, begin, n,
                b);
}

template <class T>
Status optimizer_step(Stream* s, const OptimizerSpec* spec, const OptimizerScalars* scalars,
                      const SlotRules* rules, int64_t begin, int64_t n, const float* grad,
                      float* weights, float* state0, float* state1, float* state2, float* ema,
                      Element* low) noexcept {
  if (n == 0) return Status::ok;
  const OptimizerSpec& o = *spec;
  Buffers<T> b{grad, weights, {state0, state1, state2}, ema, typed<T>(low)};
  if (!has_state(o, {state0, state1, state2})) return Status::invalid;
  if (rules->count < 1 || rules->count > kMostRules) return Status::invalid;
  for (int j = moments(o); j < 3; ++j) b.state[j] = nullptr;
  switch (o.kind) {
    case OptimizerKind::sgd:
      return launch_step<OptimizerKind::sgd>(s, o, scalars, *rules, begin, n, b);
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return launch_step<OptimizerKind::adam>(s, o, scalars, *rules, begin, n, b);
    case OptimizerKind::adagrad:
      return launch_step<OptimizerKind::adagrad>(s, o, scalars, *rules, begin, n, b);
    case OptimizerKind::rmsprop:
      return launch_step<OptimizerKind::rmsprop>(s, o, scalars, *rules, begin, n, b);
    case OptimizerKind::ftrl:
      return launch_step<OptimizerKind::ftrl>(s, o, scalars, *rules, begin, n, b);
  }
  return Status::invalid;
}

}  // namespace

template <class T>
void fill_optimizer(KernelTable& t) noexcept {
  t.optimizer_step = optimizer_step<T>;
}
template void fill_optimizer<float>(KernelTable&) noexcept;
template void fill_optimizer<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_optimizer<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
