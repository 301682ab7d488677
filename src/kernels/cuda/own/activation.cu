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

template <class T, Activation kKind>
Status forward(Stream* s, float alpha, int64_t n, const Element* x, Element* y) noexcept {
  return map<1>(s, n, Inputs<T>{typed<T>(x)}, typed<T>(y), Activate<kKind>{alpha});
}

template <class T, Activation kKind>
Status backward(Stream* s, float alpha, int64_t n, const Element* saved, const Element* dy,
                Element* dx, Write write) noexcept {
  const Inputs<T> in{typed<T>(saved), typed<T>(dy), typed<T>(dx)};
  if (write == Write::add) return map<3>(s, n, in, typed<T>(dx), Chain<kKind, true>{alpha});
  return map<2>(s, n, in, typed<T>(dx), Chain<kKind, false>{alpha});
}

template <class T>
Status activation_forward(Stream* s, Activation kind, float alpha, int64_t n, const Element* x,
                          Element* y) noexcept {
  switch (kind) {
    case Activation::none:
      return forward<T, Activation::none>(s, alpha, n, x, y);
    case Activation::relu:
      return forward<T, Activation::relu>(s, alpha, n, x, y);
    case Activation::leaky_relu:
      return forward<T, Activation::leaky_relu>(s, alpha, n, x, y);
    case Activation::gelu_erf:
      return forward<T, Activation::gelu_erf>(s, alpha, n, x, y);
    case Activation::gelu_tanh:
      return forward<T, Activation::gelu_tanh>(s, alpha, n, x, y);
    case Activation::silu:
      return forward<T, Activation::silu>(s, alpha, n, x, y);
    case Activation::sigmoid:
      return forward<T, Activation::sigmoid>(s, alpha, n, x, y);
    case Activation::tanh:
      return forward<T, Activation::tanh>(s, alpha, n, x, y);
  }
  return Status::invalid;
}

template <class T>
Status activation_backward(Stream* s, Activation kind, float alpha, int64_t n, const Element* x,
                           const Element* y, const Element* dy, Element* dx, Write write) noexcept {
  switch (kind) {
    case Activation::none:
      return backward<T, Activation::none>(s, alpha, n, dy, dy, dx, write);
    case Activation::relu:
      return backward<T, Activation::relu>(s, alpha, n, y, dy, dx, write);
    case Activation::leaky_relu:
      return backward<T, Activation::leaky_relu>(s, alpha, n, y, dy, dx, write);
    case Activation::gelu_erf:
      return backward<T, Activation::gelu_erf>(s, alpha, n, x, dy, dx, write);
    case Activation::gelu_tanh:
      return backward<T, Activation::gelu_tanh>(s, alpha, n, x, dy, dx, write);
    case Activation::silu:
      return backward<T, Activation::silu>(s, alpha, n, x, dy, dx, write);
    case Activation::sigmoid:
      return backward<T, Activation::sigmoid>(s, alpha, n, y, dy, dx, write);
    case Activation::tanh:
      return backward<T, Activation::tanh>(s, alpha, n, y, dy, dx, write);
  }
  return Status::invalid;
}

}  // namespace

template <class T>
void fill_activation(KernelTable& t) noexcept {
  t.activation_forward = activation_forward<T>;
  t.activation_backward = activation_backward<T>;
}
template void fill_activation<float>(KernelTable&) noexcept;
template void fill_activation<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_activation<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
