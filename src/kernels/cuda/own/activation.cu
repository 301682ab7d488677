#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/map.h"

namespace trireme::cu {
namespace {

constexpr float kHalfRoot = 0.7071067811865476f;       // 1 / sqrt(2)
constexpr float kRootTwoOverPi = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float kRootOneOver2Pi = 0.3989422804014327f;
constexpr float kCubic = 0.044715f;  // Hendrycks and Gimpel, arXiv:1606.08415

__device__ inline float sigmoid_of(float x) { return 1.0f / (1.0f + expf(-x)); }

template <Activation kKind>
struct Activate {
  float alpha;
  __device__ float operator()(const float* in) const {
    const float v = in[0];
    if constexpr (kKind == Activation::relu) return v < 0.0f ? 0.0f : v;
    if constexpr (kKind == Activation::leaky_relu) return v * (v < 0.0f ? alpha : 1.0f);
    if constexpr (kKind == Activation::gelu_erf) return 0.5f * v * (1.0f + erff(v * kHalfRoot));
    if constexpr (kKind == Activation::gelu_tanh)
      return 0.5f * v * (1.0f + tanhf(kRootTwoOverPi * (v + kCubic * v * v * v)));
    if constexpr (kKind == Activation::silu) return v * sigmoid_of(v);
    if constexpr (kKind == Activation::sigmoid) return sigmoid_of(v);
    if constexpr (kKind == Activation::tanh) return tanhf(v);
    return v;
  }
};

// The derivative from what was saved: y for relu, leaky_relu, sigmoid and tanh, else x.
template <Activation kKind>
__device__ inline float slope(float v, float alpha) {
  if constexpr (kKind == Activation::relu) return v > 0.0f ? 1.0f : 0.0f;
  if constexpr (kKind == Activation::leaky_relu) return v > 0.0f ? 1.0f : alpha;
  if constexpr (kKind == Activation::gelu_erf) {
    const float density = kRootOneOver2Pi * expf(-0.5f * v * v);
    return v * density + 0.5f * (1.0f + erff(v * kHalfRoot));
  }
  if constexpr (kKind == Activation::gelu_tanh) {
    const float t = tanhf(kRootTwoOverPi * (v + kCubic * v * v * v));
    const float du = kRootTwoOverPi * (1.0f + 3.0f * kCubic * v * v);
    return 0.5f * (1.0f + t) + 0.5f * v * (1.0f - t * t) * du;
  }
  if constexpr (kKind == Activation::silu) {
    const float s = sigmoid_of(v);
    return s * (v * (1.0f - s) + 1.0f);
  }
  if constexpr (kKind == Activation::sigmoid) return v * (1.0f - v);
  if constexpr (kKind == Activation::tanh) return 1.0f - v * v;
  return 1.0f;
}

// dx = slope dy, from {saved, dy}; or dx += slope dy, from {saved, dy, dx}.
template <Activation kKind, bool kAdd>
struct Chain {
  float alpha;
  __device__ float operator()(const float* in) const {
    const float v = slope<kKind>(in[0], alpha) * in[1];
    if constexpr (kAdd) return in[2] + v;
    return v;
  }
};

template <Activation kKind>
Status forward(Stream* s, float alpha, int64_t n, const float* x, float* y) noexcept {
  return map<1>(s, n, {x}, y, Activate<kKind>{alpha});
}

template <Activation kKind>
Status backward(Stream* s, float alpha, int64_t n, const float* saved, const float* dy, float* dx,
                Write write) noexcept {
  if (write == Write::add) return map<3>(s, n, {saved, dy, dx}, dx, Chain<kKind, true>{alpha});
  return map<2>(s, n, {saved, dy}, dx, Chain<kKind, false>{alpha});
}

Status activation_forward(Stream* s, Activation kind, float alpha, int64_t n, const float* x,
                          float* y) noexcept {
  switch (kind) {
    case Activation::none:
      return forward<Activation::none>(s, alpha, n, x, y);
    case Activation::relu:
      return forward<Activation::relu>(s, alpha, n, x, y);
    case Activation::leaky_relu:
      return forward<Activation::leaky_relu>(s, alpha, n, x, y);
    case Activation::gelu_erf:
      return forward<Activation::gelu_erf>(s, alpha, n, x, y);
    case Activation::gelu_tanh:
      return forward<Activation::gelu_tanh>(s, alpha, n, x, y);
    case Activation::silu:
      return forward<Activation::silu>(s, alpha, n, x, y);
    case Activation::sigmoid:
      return forward<Activation::sigmoid>(s, alpha, n, x, y);
    case Activation::tanh:
      return forward<Activation::tanh>(s, alpha, n, x, y);
  }
  return Status::invalid;
}

Status activation_backward(Stream* s, Activation kind, float alpha, int64_t n, const float* x,
                           const float* y, const float* dy, float* dx, Write write) noexcept {
  switch (kind) {
    case Activation::none:
      return backward<Activation::none>(s, alpha, n, dy, dy, dx, write);
    case Activation::relu:
      return backward<Activation::relu>(s, alpha, n, y, dy, dx, write);
    case Activation::leaky_relu:
      return backward<Activation::leaky_relu>(s, alpha, n, y, dy, dx, write);
    case Activation::gelu_erf:
      return backward<Activation::gelu_erf>(s, alpha, n, x, dy, dx, write);
    case Activation::gelu_tanh:
      return backward<Activation::gelu_tanh>(s, alpha, n, x, dy, dx, write);
    case Activation::silu:
      return backward<Activation::silu>(s, alpha, n, x, dy, dx, write);
    case Activation::sigmoid:
      return backward<Activation::sigmoid>(s, alpha, n, y, dy, dx, write);
    case Activation::tanh:
      return backward<Activation::tanh>(s, alpha, n, y, dy, dx, write);
  }
  return Status::invalid;
}

}  // namespace

void fill_activation(KernelTable& t) noexcept {
  t.activation_forward = activation_forward;
  t.activation_backward = activation_backward;
}

}  // namespace trireme::cu
