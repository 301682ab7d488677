// torch.optim's update rules and FTRL-proximal, one pass over the range: blocks small enough to
// stay in the first-level cache go through gradient, rule and average one after the other.
#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/slot_runs.h"
#include "kernels/cpu/own/vector.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

constexpr int64_t kBlock = 1024;

// One block: g holds the scaled and clamped gradient, the other pointers the block's part of the
// range.
struct Block {
  int64_t n;
  float* g;
  float* w;
  float* s0;
  float* s1;
  float* s2;
};

struct Factors {                                // of one call
  float lr, decay, adam_step, root_correction;  // decay of ftrl: what l1 and l2 are multiplied by
  bool first;
};

void decay_into_gradient(const Block& b, float decay) {
  if (decay == 0.0f) return;
  for (int64_t i = 0; i < b.n; ++i) b.g[i] += decay * b.w[i];
}

void step_sgd(const Block& b, const OptimizerSpec& o, const Factors& f) {
  decay_into_gradient(b, f.decay);
  float* g = b.g;
  if (o.momentum != 0.0f) {
    float* buffer = b.s0;
    const float keep = f.first ? 0.0f : o.momentum, take = f.first ? 1.0f : 1.0f - o.dampening;
    for (int64_t i = 0; i < b.n; ++i) {
      buffer[i] = keep * buffer[i] + take * g[i];
      g[i] = o.nesterov ? g[i] + o.momentum * buffer[i] : buffer[i];
    }
  }
  for (int64_t i = 0; i < b.n; ++i) b.w[i] -= f.lr * g[i];
}

void step_adam(const Block& b, const OptimizerSpec& o, const Factors& f) {
  const bool decoupled = o.kind == OptimizerKind::adamw;
  if (!decoupled) decay_into_gradient(b, f.decay);
  const float shrink = decoupled ? 1.0f - f.lr * f.decay : 1.0f;
  const float take1 = 1.0f - o.beta1, take2 = 1.0f - o.beta2;
  const float* g = b.g;
  float *m = b.s0, *v = b.s1, *w = b.w;
#pragma GCC ivdep
  for (int64_t i = 0; i < b.n; ++i) {
    m[i] += take1 * (g[i] - m[i]);
    v[i] = o.beta2 * v[i] + take2 * g[i] * g[i];
    const float root = __builtin_sqrtf(v[i]) / f.root_correction + o.epsilon;
    w[i] = w[i] * shrink - f.adam_step * (m[i] / root);
  }
}

void step_adagrad(const Block& b, const OptimizerSpec& o, const Factors& f) {
  decay_into_gradient(b, f.decay);
  const float* g = b.g;
  float *sum = b.s0, *w = b.w;
#pragma GCC ivdep
  for (int64_t i = 0; i < b.n; ++i) {
    sum[i] += g[i] * g[i];
    w[i] -= f.lr * (g[i] / (__builtin_sqrtf(sum[i]) + o.epsilon));
  }
}

// The momentum buffer comes before the gradient's average; either may be absent.
void step_rmsprop(const Block& b, const OptimizerSpec& o, const Factors& f) {
  decay_into_gradient(b, f.decay);
  float* buffer = o.momentum > 0.0f ? b.s1 : nullptr;
  float* average = buffer ? b.s2 : b.s1;
  float *g = b.g, *square = b.s0;
  const float take = 1.0f - o.rho;
  for (int64_t i = 0; i < b.n; ++i) square[i] = o.rho * square[i] + take * g[i] * g[i];
  if (o.centered) {
    for (int64_t i = 0; i < b.n; ++i) {
      average[i] += take * (g[i] - average[i]);
      g[i] /= __builtin_sqrtf(square[i] - average[i] * average[i]) + o.epsilon;
    }
  } else {
    for (int64_t i = 0; i < b.n; ++i) g[i] /= __builtin_sqrtf(square[i]) + o.epsilon;
  }
  if (buffer) {
    for (int64_t i = 0; i < b.n; ++i) {
      buffer[i] = o.momentum * buffer[i] + g[i];
      g[i] = buffer[i];
    }
  }
  for (int64_t i = 0; i < b.n; ++i) b.w[i] -= f.lr * g[i];
}

// z and n. Choices are written as values, so that the loop has no branch.
void step_ftrl(const Block& b, const OptimizerSpec& o, const Factors& f) {
  if (!(f.lr > 0.0f)) return;
  const float rate = 1.0f / f.lr, l1 = o.l1 * f.decay, l2 = o.l2 * f.decay;
  const float first_slope = o.beta * rate + l2;
  const float* g = b.g;
  float *z = b.s0, *n = b.s1, *w = b.w;
#pragma GCC ivdep
  for (int64_t i = 0; i < b.n; ++i) {
    const float sign = w[i] > 0.0f ? 1.0f : (w[i] < 0.0f ? -1.0f : 0.0f);
    const float before = n[i] == 0.0f ? -(w[i] * first_slope + sign * l1) : z[i];
    const float sum = n[i] + g[i] * g[i], root = __builtin_sqrtf(sum);
    const float sum_z = before + g[i] - (root - __builtin_sqrtf(n[i])) * rate * w[i];
    const float size = __builtin_fabsf(sum_z) - l1;
    const float step = size / ((o.beta + root) * rate + l2);
    const float weight = size <= 0.0f ? 0.0f : (sum_z > 0.0f ? -step : step);
    z[i] = sum == 0.0f ? z[i] : sum_z;
    w[i] = sum == 0.0f ? w[i] : weight;
    n[i] = sum;
  }
}

double power(double base, int64_t exponent) {
  return __builtin_pow(base, static_cast<double>(exponent));
}

struct Corrections {  // that depend on the step alone
  double first, second, age;
};

Corrections corrections_of(const OptimizerSpec& o, const OptimizerScalars& s) {
  Corrections c{1, 1, 0};
  if (o.kind == OptimizerKind::adam || o.kind == OptimizerKind::adamw) {
    c.first = 1.0 - power(static_cast<double>(o.beta1), s.step);
    c.second = 1.0 - power(static_cast<double>(o.beta2), s.step);
  }
  if (o.kind == OptimizerKind::adagrad)
    c.age = static_cast<double>(s.step - 1) * static_cast<double>(o.lr_decay);
  return c;
}

Factors factors_of(const OptimizerSpec& o, const OptimizerScalars& s, const Corrections& c,
                   const SlotRule& rule) {
  const double lr = static_cast<double>(s.lr) * static_cast<double>(rule.lr_scale);
  const float decay = o.kind == OptimizerKind::ftrl ? 1.0f : o.weight_decay;
  return {static_cast<float>(lr / (1.0 + c.age)), decay * rule.decay_scale,
          static_cast<float>(lr / c.first), static_cast<float>(__builtin_sqrt(c.second)),
          s.step == 1};
}

void scale_and_clamp(const OptimizerScalars& s, int64_t n, const float* grad, float* g) {
  const float scale = s.grad_scale, limit = s.clip_value;
  if (limit > 0.0f) {
    for (int64_t i = 0; i < n; ++i) {
      const float v = grad[i] * scale;
      g[i] = v > limit ? limit : (v < -limit ? -limit : v);
    }
  } else {
    for (int64_t i = 0; i < n; ++i) g[i] = grad[i] * scale;
  }
}

bool has_state(const OptimizerSpec& o, const float* s0, const float* s1, const float* s2) {
  switch (o.kind) {
    case OptimizerKind::sgd:
      return o.momentum == 0.0f || s0;
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
    case OptimizerKind::ftrl:
      return s0 && s1;
    case OptimizerKind::adagrad:
      return s0;
    case OptimizerKind::rmsprop: {
      const int extra = (o.momentum > 0.0f) + (o.centered != 0);
      return s0 && (extra < 1 || s1) && (extra < 2 || s2);
    }
  }
  return false;
}

using Rule = void (*)(const Block&, const OptimizerSpec&, const Factors&);

Rule rule_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::sgd:
      return step_sgd;
    case OptimizerKind::adagrad:
      return step_adagrad;
    case OptimizerKind::rmsprop:
      return step_rmsprop;
    case OptimizerKind::ftrl:
      return step_ftrl;
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      break;
  }
  return step_adam;
}

struct Buffers {  // of the range; a moment that is not there is null
  const float* grad;
  float *weights, *state0, *state1, *state2, *ema, *low;
};

// The n elements from `from` on, which obey one rule.
void step_run(const OptimizerSpec& o, const OptimizerScalars& scalars, const Factors& f,
              const Buffers& b, int64_t from, int64_t n) {
  const Rule rule = rule_of(o.kind);
  const float take = 1.0f - scalars.ema_decay;
  float g[kBlock];
  for (int64_t at = from; at < from + n; at += kBlock) {
    const auto part = [at](float* p) { return p ? p + at : nullptr; };
    const int64_t size = from + n - at < kBlock ? from + n - at : kBlock;
    const Block block{size, g, b.weights + at, part(b.state0), part(b.state1), part(b.state2)};
    take_lines(block.w, size);  // all lanes have read the weights
    scale_and_clamp(scalars, size, b.grad + at, g);
    rule(block, o, f);
    float* average = part(b.ema);
    for (int64_t i = 0; average && i < size; ++i) average[i] += take * (block.w[i] - average[i]);
    if (b.low) __builtin_memcpy(b.low + at, block.w, static_cast<size_t>(size) * sizeof(float));
  }
}

}  // namespace

// Status::invalid when a moment that the rule needs is null, or the step is below 1.
Status optimizer_step(Stream*, const OptimizerSpec* spec, const OptimizerScalars* scalars,
                      const SlotRules* rules, int64_t begin, int64_t n, const float* grad,
                      float* weights, float* state0, float* state1, float* state2, float* ema,
                      float* low) noexcept {
  if (n == 0) return Status::ok;
  const OptimizerSpec o = *spec;
  if (!has_state(o, state0, state1, state2)) return Status::invalid;
  if (rules->count < 1 || rules->count > kMostRules) return Status::invalid;
  if (scalars->skip != 0) return Status::ok;
  if (scalars->step < 1) return Status::invalid;
  const Corrections corrections = corrections_of(o, *scalars);
  const Buffers buffers{grad, weights, state0, state1, state2, ema, low};
  const int64_t end = begin + n;
  for (SlotRun run = next_run(*rules, begin, end); run.begin < run.end;
       run = next_run(*rules, run.end, end)) {
    step_run(o, *scalars, factors_of(o, *scalars, corrections, *run.rule), buffers,
             run.begin - begin, run.end - run.begin);
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
