#include "kernels/cuda/own/bias.h"

#include "kernels/cuda/own/columns.h"

namespace trireme::cu {
namespace {

template <class T>
struct AddToColumns {
  static constexpr int kRows = 4;
  const float* bias;
  T* y;
  template <int kWidth>
  __device__ Pack<kWidth> of_columns(int64_t c) const {
    return load<kWidth>(bias + c);
  }
  template <int kWidth>
  __device__ Stored<T, kWidth> fetch(int64_t, int64_t offset) const {
    return cu::fetch<kWidth>(y + offset);
  }
  template <int kWidth>
  __device__ void at(int64_t offset, const Stored<T, kWidth>& of,
                     const Pack<kWidth>& of_columns) const {
    Pack<kWidth> v = widened(of);
    for (int k = 0; k < kWidth; ++k) v.at[k] += of_columns.at[k];
    store(y + offset, v);
  }
};

template <class T>
Status add_bias(Stream* s, int64_t rows, int64_t cols, const float* bias, Element* y) noexcept {
  const bool vectors = cols % kVector<T> == 0 && all_aligned(bias, y);
  return column_map<kVector<T>>(s, rows, cols, vectors, AddToColumns<T>{bias, typed<T>(y)});
}

}  // namespace

AddBias add_bias_of(ElementType element) noexcept {
  switch (element) {
    case ElementType::bf16:
      return add_bias<__nv_bfloat16>;
    case ElementType::f16:
      return add_bias<__half>;
    case ElementType::f32:
      break;
  }
  return add_bias<float>;
}

}  // namespace trireme::cu
