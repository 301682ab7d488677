#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/math.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

constexpr float kHalfRoot = 0.7071067811865476f;       // 1 / sqrt(2)
constexpr float kRootTwoOverPi = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float kRootOneOver2Pi = 0.3989422804014327f;
constexpr float kCubic = 0.044715f;  // Hendrycks and Gimpel, arXiv:1606.08415

template <class F>
Status map(int64_t n, const float* x, float* y, F f) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
  return Status::ok;
}

// dx (+)= slope(saved) dy, `saved` being x or y.
template <class F>
Status chain(int64_t n, const float* saved, const float* dy, float* dx, Write write, F slope) {
  if (write == Write::set) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dx[i] = slope(saved[i]) * dy[i];
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dx[i] += slope(saved[i]) * dy[i];
  }
  return Status::ok;
}

inline float gelu_tanh_of(float x) {
  const float u = kRootTwoOverPi * muladd(kCubic * x, x * x, x);
  return 0.5f * x * (1.0f + tanh_of(u));
}

inline float gelu_tanh_slope(float x) {
  const float x2 = x * x;
  const float t = tanh_of(kRootTwoOverPi * muladd(kCubic * x, x2, x));
  const float du = kRootTwoOverPi * muladd(3.0f * kCubic, x2, 1.0f);
  return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * du;
}

inline float gelu_erf_slope(float x) {
  const float density = kRootOneOver2Pi * exp_of(-0.5f * x * x);
  return muladd(x, density, 0.5f * (1.0f + erf_of(x * kHalfRoot)));
}

inline float silu_slope(float x) {
  const float s = sigmoid_of(x);
  return s * muladd(x, 1.0f - s, 1.0f);
}

}  // namespace

Status activation_forward(Stream*, Activation kind, float alpha, int64_t n, const float* x,
                          float* y) noexcept {
  switch (kind) {
    case Activation::none:
      return copy(nullptr, n, x, y);
    case Activation::relu:
      return map(n, x, y, [](float v) { return v < 0.0f ? 0.0f : v; });
    case Activation::leaky_relu:
      return map(n, x, y, [alpha](float v) { return v * (v < 0.0f ? alpha : 1.0f); });
    case Activation::gelu_erf:
      return map(n, x, y, [](float v) { return 0.5f * v * (1.0f + erf_of(v * kHalfRoot)); });
    case Activation::gelu_tanh:
      return map(n, x, y, gelu_tanh_of);
    case Activation::silu:
      return map(n, x, y, [](float v) { return v * sigmoid_of(v); });
    case Activation::sigmoid:
      return map(n, x, y, sigmoid_of);
    case Activation::tanh:
      return map(n, x, y, tanh_of);
  }
  return Status::invalid;
}

Status activation_backward(Stream*, Activation kind, float alpha, int64_t n, const float* x,
                           const float* y, const float* dy, float* dx, Write write) noexcept {
  switch (kind) {
    case Activation::none:
      return chain(n, dy, dy, dx, write, [](float) { return 1.0f; });
    case Activation::relu:
      return chain(n, y, dy, dx, write, [](float v) { return v > 0.0f ? 1.0f : 0.0f; });
    case Activation::leaky_relu:
      return chain(n, y, dy, dx, write, [alpha](float v) { return v > 0.0f ? 1.0f : alpha; });
    case Activation::gelu_erf:
      return chain(n, x, dy, dx, write, gelu_erf_slope);
    case Activation::gelu_tanh:
      return chain(n, x, dy, dx, write, gelu_tanh_slope);
    case Activation::silu:
      return chain(n, x, dy, dx, write, silu_slope);
    case Activation::sigmoid:
      return chain(n, y, dy, dx, write, [](float v) { return v * (1.0f - v); });
    case Activation::tanh:
      return chain(n, y, dy, dx, write, [](float v) { return muladd(-v, v, 1.0f); });
  }
  return Status::invalid;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
