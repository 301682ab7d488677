#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/pool.h"

namespace trireme::cu {
namespace {

// Pixels of a window that count along one axis. Padding counts when asked for; what a window has
// beyond the padding (the last one, when the output size was rounded up) never does, as in PyTorch.
__device__ inline int counted(int start, int kernel, int size, int pad, bool include_pad) {
  if (include_pad) return (start + kernel < size + pad ? start + kernel : size + pad) - start;
  const Span inside = Span::clip(start, kernel, size);
  return inside.last - inside.first;
}

__device__ inline float inverse_area(const PoolSize& s, int row, int column) {
  const int height =
      counted(row * s.stride_h - s.pad_h, s.kernel_h, s.h, s.pad_h, s.count_include_pad);
  const int width =
      counted(column * s.stride_w - s.pad_w, s.kernel_w, s.w, s.pad_w, s.count_include_pad);
  return 1.0f / static_cast<float>(height * width);
}

template <int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    average_pool_forward_kernel(PoolSize s, const T* x, T* y) {
  for_pixels<kWidth>(s.out_rows, s.out_h, s.out_w, s.c,
                     [&](int64_t sample, int row, int column, int channel) {
                       const Span h = Span::clip(row * s.stride_h - s.pad_h, s.kernel_h, s.h);
                       const Span w = Span::clip(column * s.stride_w - s.pad_w, s.kernel_w, s.w);
                       Pack<kWidth> sum{};
                       for (int i = h.first; i < h.last; ++i) {
                         for (int j = w.first; j < w.last; ++j) {
                           const Pack<kWidth> v = load<kWidth>(x + s.input(sample, i, j, channel));
                           for (int k = 0; k < kWidth; ++k) sum.at[k] += v.at[k];
                         }
                       }
                       const float factor = inverse_area(s, row, column);
                       for (int k = 0; k < kWidth; ++k) sum.at[k] *= factor;
                       store(y + s.output(sample, row, column, channel), sum);
                     });
}

template <int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    average_pool_backward_kernel(PoolSize s, const T* dy, T* dx, bool add) {
  for_pixels<kWidth>(
      s.in_rows, s.h, s.w, s.c, [&](int64_t sample, int row, int column, int channel) {
        const Span over_h = windows_over(row, s.pad_h, s.kernel_h, s.stride_h, s.out_h);
        const Span over_w = windows_over(column, s.pad_w, s.kernel_w, s.stride_w, s.out_w);
        Pack<kWidth> sum{};
        for (int i = over_h.first; i < over_h.last; ++i) {
          for (int j = over_w.first; j < over_w.last; ++j) {
            const float factor = inverse_area(s, i, j);
            const Pack<kWidth> g = load<kWidth>(dy + s.output(sample, i, j, channel));
            for (int k = 0; k < kWidth; ++k) sum.at[k] += g.at[k] * factor;
          }
        }
        put(dx + s.input(sample, row, column, channel), sum, add);
      });
}

template <class T>
Status average_pool_forward(Stream* s, const Pool2dSpec* spec, const Element* x,
                            Element* y) noexcept {
  if (!valid(*spec)) return Status::invalid;
  if (!fits(*spec)) return Status::unsupported;
  const PoolSize size = pool_size(*spec);
  const bool vectors = size.c % kVector<T> == 0 && all_aligned(x, y);
  return launch_pixels(
      vectors ? average_pool_forward_kernel<kVector<T>, T> : average_pool_forward_kernel<1, T>, s,
      size.out_rows, spec->out_w * spec->c / (vectors ? kVector<T> : 1), size, typed<T>(x),
      typed<T>(y));
}

template <class T>
Status average_pool_backward(Stream* s, const Pool2dSpec* spec, const Element* dy, Element* dx,
                             Write write) noexcept {
  if (!valid(*spec)) return Status::invalid;
  if (!fits(*spec)) return Status::unsupported;
  const PoolSize size = pool_size(*spec);
  const bool vectors = size.c % kVector<T> == 0 && all_aligned(dy, dx);
  return launch_pixels(
      vectors ? average_pool_backward_kernel<kVector<T>, T> : average_pool_backward_kernel<1, T>, s,
      size.in_rows, spec->w * spec->c / (vectors ? kVector<T> : 1), size, typed<T>(dy),
      typed<T>(dx), write == Write::add);
}

}  // namespace

template <class T>
void fill_average_pool(KernelTable& t) noexcept {
  t.average_pool_forward = average_pool_forward<T>;
  t.average_pool_backward = average_pool_backward<T>;
}
template void fill_average_pool<float>(KernelTable&) noexcept;
template void fill_average_pool<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_average_pool<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
