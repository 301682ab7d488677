#pragma once
// What the pooling kernels share. One thread makes one result (those of neighbouring channels
// where they allow 128-bit loads): forward an output pixel's, from its window; backward an input
// pixel's, gathered from the windows that cover it in ascending order, so that no two threads write
// the same place and the sum has a fixed order. Channels are the fastest axis: neighbouring threads
// touch neighbouring addresses.

#include "kernels/cuda/own/vectors.h"

namespace trireme::cu {

// The part of [start, start + size) that lies inside [0, end).
struct Span {
  int first, last;  // last is past the end
  __device__ static Span clip(int start, int size, int end) {
    return {start < 0 ? 0 : start, start + size < end ? start + size : end};
  }
};

// Windows (positions along one axis) that cover input position `at`.
__device__ inline Span windows_over(int at, int pad, int kernel, int stride, int count) {
  const int reach = at + pad - kernel;  // the last position no window after it covers
  const int first = reach < 0 ? 0 : reach / stride + 1;
  const int last = (at + pad) / stride + 1;
  return {first, last < count ? last : count};
}

// The spec in the integers that kernels compute with: 64-bit division is a function call there.
struct PoolSize {
  int h, w, c, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, out_h, out_w;
  bool count_include_pad;
  int64_t in_rows, out_rows;  // n h, n out_h

  __device__ int64_t input(int64_t sample, int row, int column, int channel) const {
    return ((sample * h + row) * w + column) * c + channel;
  }
  __device__ int64_t output(int64_t sample, int row, int column, int channel) const {
    return ((sample * out_h + row) * out_w + column) * c + channel;
  }
};

inline bool valid(const Pool2dSpec& s) {
  return s.kernel_h > 0 && s.kernel_w > 0 && s.stride_h > 0 && s.stride_w > 0 &&
         s.pad_h < s.kernel_h && s.pad_w < s.kernel_w &&
         (s.out_h - 1) * s.stride_h - s.pad_h < s.h && (s.out_w - 1) * s.stride_w - s.pad_w < s.w;
}

// A row of an image, every axis and the number of the batch's rows must fit an int.
inline bool fits(const Pool2dSpec& s) {
  constexpr int64_t kMost = int64_t{1} << 30;
  return (s.w + s.kernel_w) * s.c < kMost && s.h + s.kernel_h < kMost && s.out_w * s.c < kMost &&
         s.n * larger(s.h, s.out_h) < kMost;
}

inline PoolSize pool_size(const Pool2dSpec& s) {
  const auto i = [](int64_t v) { return static_cast<int>(v); };
  return {i(s.h),        i(s.w),        i(s.c),        i(s.kernel_h),
          i(s.kernel_w), i(s.stride_h), i(s.stride_w), i(s.pad_h),
          i(s.pad_w),    i(s.out_h),    i(s.out_w),    s.count_include_pad,
          s.n * s.h,     s.n * s.out_h};
}

// Walks an image batch: x along one row of an image, channels fastest; y over the batch's rows.
// visit(sample, row, column, channel) for each of the thread's results.
template <int kWidth, class Visit>
__device__ inline void for_pixels(int64_t rows, int height, int width, int channels, Visit visit) {
  const unsigned packs = static_cast<unsigned>(channels / kWidth);
  const unsigned count = static_cast<unsigned>(width) * packs;
  for (int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    const int64_t sample = static_cast<unsigned>(r) / static_cast<unsigned>(height);
    const int row = static_cast<int>(r - sample * height);
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += gridDim.x * blockDim.x) {
      const unsigned column = i / packs;
      visit(sample, row, static_cast<int>(column), static_cast<int>((i - column * packs) * kWidth));
    }
  }
}

// A block is no wider than a row needs.
template <class Kernel, class... Arguments>
Status launch_pixels(Kernel kernel, Stream* s, int64_t rows, int64_t row_packs,
                     Arguments... arguments) noexcept {
  if (rows == 0 || row_packs == 0) return Status::ok;
  const auto block = static_cast<unsigned>(smaller(ceil_div(row_packs, kWarp) * kWarp, kBlock));
  const dim3 grid(static_cast<unsigned>(ceil_div(row_packs, block)),
                  static_cast<unsigned>(smaller(rows, kMostGridY)));
  return launch(kernel, grid, block, 0, s, arguments...);
}

}  // namespace trireme::cu
