#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/pool.h"

namespace trireme::cu {
namespace {

// One byte an element: as many as a Pack has, at a time.
template <int kWidth>
using Indices = Stored<uint8_t, kWidth>;

template <int kWidth>
__device__ inline Indices<kWidth> load_indices(const uint8_t* p) {
  return *reinterpret_cast<const Indices<kWidth>*>(p);
}

template <int kWidth>
__device__ inline void store_indices(uint8_t* p, const Indices<kWidth>& v) {
  *reinterpret_cast<Indices<kWidth>*>(p) = v;
}

// The first maximum wins, and so does NaN.
template <int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    max_pool_forward_kernel(PoolSize s, const T* x, T* y, uint8_t* index) {
  for_pixels<kWidth>(
      s.out_rows, s.out_h, s.out_w, s.c, [&](int64_t sample, int row, int column, int channel) {
        const int top = row * s.stride_h - s.pad_h, left = column * s.stride_w - s.pad_w;
        const Span h = Span::clip(top, s.kernel_h, s.h), w = Span::clip(left, s.kernel_w, s.w);
        Pack<kWidth> best = load<kWidth>(x + s.input(sample, h.first, w.first, channel));
        Indices<kWidth> where;
        for (int k = 0; k < kWidth; ++k)
          where.at[k] = static_cast<uint8_t>((h.first - top) * s.kernel_w + w.first - left);
        for (int i = h.first; i < h.last; ++i) {
          for (int j = w.first; j < w.last; ++j) {
            const Pack<kWidth> v = load<kWidth>(x + s.input(sample, i, j, channel));
            const auto here = static_cast<uint8_t>((i - top) * s.kernel_w + j - left);
            for (int k = 0; k < kWidth; ++k) {
              const bool take = v.at[k] > best.at[k] || v.at[k] != v.at[k];
              best.at[k] = take ? v.at[k] : best.at[k];
              where.at[k] = take ? here : where.at[k];
            }
          }
        }
        const int64_t to = s.output(sample, row, column, channel);
        store(y + to, best);
        store_indices(index + to, where);
      });
}

// Four blocks a multiprocessor, or ptxas would spill to make it five for compute capability 10.0.
template <int kWidth, class T>
__global__ void __launch_bounds__(kBlock, 4)
    max_pool_backward_kernel(PoolSize s, const T* dy, const uint8_t* index, T* dx, bool add) {
  for_pixels<kWidth>(
      s.in_rows, s.h, s.w, s.c, [&](int64_t sample, int row, int column, int channel) {
        const Span over_h = windows_over(row, s.pad_h, s.kernel_h, s.stride_h, s.out_h);
        const Span over_w = windows_over(column, s.pad_w, s.kernel_w, s.stride_w, s.out_w);
        Pack<kWidth> sum{};
        for (int i = over_h.first; i < over_h.last; ++i) {
          for (int j = over_w.first; j < over_w.last; ++j) {
            const int64_t from = s.output(sample, i, j, channel);
            const int here = (row - (i * s.stride_h - s.pad_h)) * s.kernel_w + column -
                             (j * s.stride_w - s.pad_w);
            const Pack<kWidth> g = load<kWidth>(dy + from);
            const Indices<kWidth> where = load_indices<kWidth>(index + from);
            for (int k = 0; k < kWidth; ++k) sum.at[k] += where.at[k] == here ? g.at[k] : 0.0f;
          }
        }
        put(dx + s.input(sample, row, column, channel), sum, add);
      });
}

bool has_index(const Pool2dSpec& s) { return s.kernel_h * s.kernel_w <= 256; }

template <class T>
Status max_pool_forward(Stream* s, const Pool2dSpec* spec, const Element* x, Element* y,
                        uint8_t* index) noexcept {
  if (!valid(*spec) || !has_index(*spec)) return Status::invalid;
  if (!fits(*spec)) return Status::unsupported;
  const PoolSize size = pool_size(*spec);
  const bool vectors = size.c % kVector<T> == 0 && all_aligned(x, y) && aligned(index, kVector<T>);
  return launch_pixels(
      vectors ? max_pool_forward_kernel<kVector<T>, T> : max_pool_forward_kernel<1, T>, s,
      size.out_rows, spec->out_w * spec->c / (vectors ? kVector<T> : 1), size, typed<T>(x),
      typed<T>(y), index);
}

template <class T>
Status max_pool_backward(Stream* s, const Pool2dSpec* spec, const Element* dy, const uint8_t* index,
                         Element* dx, Write write) noexcept {
  if (!valid(*spec) || !has_index(*spec)) return Status::invalid;
  if (!fits(*spec)) return Status::unsupported;
  const PoolSize size = pool_size(*spec);
  const bool vectors =
      size.c % kVector<T> == 0 && all_aligned(dy, dx) && aligned(index, kVector<T>);
  return launch_pixels(
      vectors ? max_pool_backward_kernel<kVector<T>, T> : max_pool_backward_kernel<1, T>, s,
      size.in_rows, spec->w * spec->c / (vectors ? kVector<T> : 1), size, typed<T>(dy), index,
      typed<T>(dx), write == Write::add);
}

}  // namespace

template <class T>
void fill_max_pool(KernelTable& t) noexcept {
  t.max_pool_forward = max_pool_forward<T>;
  t.max_pool_backward = max_pool_backward<T>;
}
template void fill_max_pool<float>(KernelTable&) noexcept;
template void fill_max_pool<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_max_pool<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
