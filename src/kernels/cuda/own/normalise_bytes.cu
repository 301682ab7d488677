// Inputs that came as bytes. A thread makes four neighbours at a time: a warp reads 128 bytes and
// writes 512, in one instruction each. Which channel comes next is known without a division.
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/vectors.h"

namespace trireme::cu {
namespace {

template <int kWidth>
__device__ inline void normalise_at(int64_t i, int64_t c, int64_t channels, const uint8_t* x,
                                    const float* mean, const float* scale, float* y) {
  const Stored<uint8_t, kWidth> bytes = fetch<kWidth>(x + i);
  Pack<kWidth> result;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    result.at[k] = (static_cast<float>(bytes.at[k]) - mean[c]) * scale[c];
    c = c + 1 == channels ? 0 : c + 1;
  }
  store(y + i, result);
}

template <int kWidth>
__global__ void __launch_bounds__(kBlock)
    normalise_bytes_kernel(int64_t n, int64_t channels, const uint8_t* x, const float* mean,
                           const float* scale, float* y) {
  const int64_t packs = n / kWidth, step = grid_stride() * kWidth % channels;
  int64_t c = first_index() * kWidth % channels;
  for (int64_t i = first_index(); i < packs; i += grid_stride()) {
    normalise_at<kWidth>(i * kWidth, c, channels, x, mean, scale, y);
    c += step;
    if (c >= channels) c -= channels;
  }
  const int64_t tail = packs * kWidth + first_index();  // fewer than kWidth elements
  if (tail < n) normalise_at<1>(tail, tail % channels, channels, x, mean, scale, y);
}

Status normalise_bytes(Stream* s, int64_t n, int64_t channels, const uint8_t* x, const float* mean,
                       const float* scale, float* y) noexcept {
  if (n <= 0) return Status::ok;
  constexpr int kWidth = kVector<float>;
  if (aligned(x, kWidth) && all_aligned(y))
    return launch(normalise_bytes_kernel<kWidth>, grid_for(ceil_div(n, kWidth)), kBlock, 0, s, n,
                  channels, x, mean, scale, y);
  return launch(normalise_bytes_kernel<1>, grid_for(n), kBlock, 0, s, n, channels, x, mean, scale,
                y);
}

}  // namespace

void fill_normalise_bytes(KernelTable& t) noexcept { t.normalise_bytes = normalise_bytes; }

}  // namespace trireme::cu
