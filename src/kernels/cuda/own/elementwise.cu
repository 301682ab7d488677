#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/map.h"

namespace trireme::cu {
namespace {

struct Constant {
  float value;
  __device__ float operator()(const float*) const { return value; }
};
struct First {
  __device__ float operator()(const float* v) const { return v[0]; }
};
struct Total {
  __device__ float operator()(const float* v) const { return v[0] + v[1]; }
};
struct Scaled {
  float factor;
  __device__ float operator()(const float* v) const { return v[0] * factor; }
};

template <class T>
Status fill(Stream* s, int64_t n, float value, Element* y) noexcept {
  return map<0>(s, n, Inputs<T>{}, typed<T>(y), Constant{value});
}

template <class T>
Status copy(Stream* s, int64_t n, const Element* x, Element* y) noexcept {
  return x == y ? Status::ok : map<1>(s, n, Inputs<T>{typed<T>(x)}, typed<T>(y), First{});
}

template <class T>
Status add(Stream* s, int64_t n, const Element* a, const Element* b, Element* y) noexcept {
  return map<2>(s, n, Inputs<T>{typed<T>(a), typed<T>(b)}, typed<T>(y), Total{});
}

template <class T>
Status accumulate(Stream* s, int64_t n, const Element* x, Element* y) noexcept {
  return add<T>(s, n, y, x, y);
}

template <class T>
Status scale(Stream* s, int64_t n, float factor, Element* x) noexcept {
  return map<1>(s, n, Inputs<T>{typed<T>(x)}, typed<T>(x), Scaled{factor});
}

template <class T>
Status widen(Stream* s, int64_t n, const Element* x, float* y) noexcept {
  return map<1>(s, n, Inputs<T>{typed<T>(x)}, y, First{});
}

template <class T>
Status narrow(Stream* s, int64_t n, const float* x, Element* y) noexcept {
  return map<1>(s, n, Inputs<float>{x}, typed<T>(y), First{});
}

Status to_bf16(Stream* s, int64_t n, const float* x, Bf16* y) noexcept {
  return map<1>(s, n, Inputs<float>{x}, reinterpret_cast<__nv_bfloat16*>(y), First{});
}

Status from_bf16(Stream* s, int64_t n, const Bf16* x, float* y) noexcept {
  return map<1>(s, n, Inputs<__nv_bfloat16>{reinterpret_cast<const __nv_bfloat16*>(x)}, y, First{});
}

}  // namespace

template <class T>
void fill_elementwise(KernelTable& t) noexcept {
  t.fill = fill<T>;
  t.copy = copy<T>;
  t.add = add<T>;
  t.accumulate = accumulate<T>;
  t.scale = scale<T>;
  t.widen = widen<T>;
  t.narrow = narrow<T>;
  t.copy_full = copy<float>;
  t.accumulate_full = accumulate<float>;
  t.to_bf16 = to_bf16;
  t.from_bf16 = from_bf16;
}
template void fill_elementwise<float>(KernelTable&) noexcept;
template void fill_elementwise<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_elementwise<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
