#include "kernels/cuda/own/columns.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

template <class T>
struct PlainTerms {
  static constexpr int kRows = 4;
  const T* x;
  template <int kWidth>
  __device__ int of_columns(int64_t) const {
    return 0;
  }
  template <int kWidth>
  __device__ Stored<T, kWidth> fetch(int64_t, int64_t offset) const {
    return cu::fetch<kWidth>(x + offset);
  }
  template <int kWidth, int kCount>
  __device__ void add(int64_t, int64_t, const Stored<T, kWidth> (&of)[kCount], int,
                      double (&sums)[1][kWidth]) const {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      double column[kCount];
#pragma unroll
      for (int i = 0; i < kCount; ++i) column[i] = to_float(of[i].at[k]);
      sums[0][k] += sum_of_rows(column);
    }
  }
};

// For two values a column (norms), or the losses of a batch.
size_t reduction_scratch(int64_t rows, int64_t cols) noexcept {
  const size_t columns = column_sums_scratch(rows, cols, 2), losses = loss_scratch(rows);
  return columns > losses ? columns : losses;
}

template <class T>
Status column_sum(Stream* s, int64_t rows, int64_t cols, const Element* x, float* y, Write write,
                  void* scratch) noexcept {
  const bool vectors = cols % kVector<T> == 0 && all_aligned(x);
  return column_sums<1, kVector<T>>(s, rows, cols, vectors, PlainTerms<T>{typed<T>(x)}, scratch,
                                    FloatStore{y, write == Write::add});
}

// A row of the grid's y axis is a row of the matrix; neighbouring threads take neighbouring
// columns.
template <int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    copy_columns_kernel(int64_t rows, int64_t cols, const T* src, int64_t src_stride, T* dst,
                        int64_t dst_stride, bool add) {
  for (int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    for (int64_t c = first_index() * kWidth; c < cols; c += grid_stride() * kWidth) {
      put(dst + r * dst_stride + c, load<kWidth>(src + r * src_stride + c), add);
    }
  }
}

template <class T>
Status copy_columns(Stream* s, int64_t rows, int64_t cols, const Element* src, int64_t src_stride,
                    Element* dst, int64_t dst_stride, Write write) noexcept {
  constexpr int kWidth = kVector<T>;
  const bool vectors = cols % kWidth == 0 && src_stride % kWidth == 0 && dst_stride % kWidth == 0 &&
                       all_aligned(src, dst);
  dim3 grid = grid_for(vectors ? cols / kWidth : cols);
  grid.y = static_cast<unsigned>(smaller(rows, kMostGridY));
  return launch(vectors ? copy_columns_kernel<kWidth, T> : copy_columns_kernel<1, T>, grid, kBlock,
                0, s, rows, cols, typed<T>(src), src_stride, typed<T>(dst), dst_stride,
                write == Write::add);
}

// Through a tile of shared memory, so that reads and writes are both whole lines; one column more
// than a warp has lanes, so that a column's elements lie in different banks.
constexpr int kTile = kWarp;
constexpr int kTileRows = static_cast<int>(kBlock) / kTile;
template <class T>
__global__ void __launch_bounds__(kBlock)
    transpose_kernel(int64_t samples, int64_t rows, int64_t cols, const T* x, T* y, bool add) {
  TRIREME_SHARED(T, tile, kTile * (kTile + 1));
  const int64_t tiles_across = ceil_div(cols, kTile);
  const int64_t c0 = blockIdx.x % tiles_across * kTile, r0 = blockIdx.x / tiles_across * kTile;
  const int i = static_cast<int>(threadIdx.x) % kTile, j0 = static_cast<int>(threadIdx.x) / kTile;
  for (int64_t n = blockIdx.y; n < samples; n += gridDim.y) {
    const int64_t base = n * rows * cols;
    for (int j = j0; j < kTile; j += kTileRows) {
      if (r0 + j < rows && c0 + i < cols)
        tile[j * (kTile + 1) + i] = x[base + (r0 + j) * cols + c0 + i];
    }
    __syncthreads();
    for (int j = j0; j < kTile; j += kTileRows) {
      if (c0 + j < cols && r0 + i < rows)
        put(y + base + (c0 + j) * rows + r0 + i, to_float(tile[i * (kTile + 1) + j]), add);
    }
    __syncthreads();  // the next sample overwrites the tile
  }
}

template <class T>
Status transpose_samples(Stream* s, int64_t n, int64_t rows, int64_t cols, const Element* x,
                         Element* y, Write write) noexcept {
  const dim3 grid(static_cast<unsigned>(ceil_div(rows, kTile) * ceil_div(cols, kTile)),
                  static_cast<unsigned>(smaller(n, kMostGridY)));
  return launch(transpose_kernel<T>, grid, kBlock, 0, s, n, rows, cols, typed<T>(x), typed<T>(y),
                write == Write::add);
}

}  // namespace

template <class T>
void fill_rows(KernelTable& t) noexcept {
  t.reduction_scratch = reduction_scratch;
  t.column_sum = column_sum<T>;
  t.copy_columns = copy_columns<T>;
  t.transpose_samples = transpose_samples<T>;
}
template void fill_rows<float>(KernelTable&) noexcept;
template void fill_rows<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_rows<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
