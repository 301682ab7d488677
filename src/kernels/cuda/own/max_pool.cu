#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/pool.h"

namespace trireme::cu {
namespace {

// One byte an element: four at a time beside a Pack<4>.
template <int kWidth>
struct Indices {
  unsigned char at[kWidth];
};

template <int kWidth>
__device__ inline Indices<kWidth> load_indices(const uint8_t* p) {
  if constexpr (kWidth == 4) {
    const uchar4 v = *reinterpret_cast<const uchar4*>(p);
    return {v.x, v.y, v.z, v.w};
  } else {
    return {*p};
  }
}

template <int kWidth>
__device__ inline void store_indices(uint8_t* p, const Indices<kWidth>& v) {
  if constexpr (kWidth == 4) {
    *reinterpret_cast<uchar4*>(p) = make_uchar4(v.at[0], v.at[1], v.at[2], v.at[3]);
  } else {
    *p = v.at[0];
  }
}

// The first maximum wins, and so does NaN.
template <int kWidth>
__global__ void __launch_bounds__(kBlock)
    max_pool_forward_kernel(PoolSize s, const float* x, float* y, uint8_t* index) {
  for_pixels<kWidth>(
      s.out_rows, s.out_h, s.out_w, s.c, [&](int64_t sample, int row, int column, int channel) {
        const int top = row * s.stride_h - s.pad_h, left = column * s.stride_w - s.pad_w;
        const Span h = Span::clip(top, s.kernel_h, s.h), w = Span::clip(left, s.kernel_w, s.w);
        Pack<kWidth> best = load<kWidth>(x + s.input(sample, h.first, w.first, channel));
        Indices<kWidth> where;
        for (int k = 0; k < kWidth; ++k)
          where.at[k] = static_cast<unsigned char>((h.first - top) * s.kernel_w + w.first - left);
        for (int i = h.first; i < h.last; ++i) {
          for (int j = w.first; j < w.last; ++j) {
            const Pack<kWidth> v = load<kWidth>(x + s.input(sample, i, j, channel));
            const auto here = static_cast<unsigned char>((i - top) * s.kernel_w + j - left);
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

template <int kWidth>
__global__ void __launch_bounds__(kBlock)
    max_pool_backward_kernel(PoolSize s, const float* dy, const uint8_t* index, float* dx,
                             bool add) {
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

Status max_pool_forward(Stream* s, const Pool2dSpec* spec, const float* x, float* y,
                        uint8_t* index) noexcept {
  if (!valid(*spec) || !has_index(*spec)) return Status::invalid;
  if (!fits(*spec)) return Status::unsupported;
  const PoolSize size = pool_size(*spec);
  const bool vectors = size.c % 4 == 0 && all_aligned(x, y) && aligned(index, 4);
  return launch_pixels(vectors ? max_pool_forward_kernel<4> : max_pool_forward_kernel<1>, s,
                       size.out_rows, spec->out_w * spec->c / (vectors ? 4 : 1), size, x, y, index);
}

Status max_pool_backward(Stream* s, const Pool2dSpec* spec, const float* dy, const uint8_t* index,
                         float* dx, Write write) noexcept {
  if (!valid(*spec) || !has_index(*spec)) return Status::invalid;
  if (!fits(*spec)) return Status::unsupported;
  const PoolSize size = pool_size(*spec);
  const bool vectors = size.c % 4 == 0 && all_aligned(dy, dx) && aligned(index, 4);
  return launch_pixels(vectors ? max_pool_backward_kernel<4> : max_pool_backward_kernel<1>, s,
                       size.in_rows, spec->w * spec->c / (vectors ? 4 : 1), size, dy, index, dx,
                       write == Write::add);
}

}  // namespace

void fill_max_pool(KernelTable& t) noexcept {
  t.max_pool_forward = max_pool_forward;
  t.max_pool_backward = max_pool_backward;
}

}  // namespace trireme::cu
