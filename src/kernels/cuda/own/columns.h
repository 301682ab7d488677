#pragma once
// How a row-major matrix [rows, cols] is walked when every column has its own numbers (channels of
// N,H,W,C): a thread keeps kWidth neighbouring columns and steps down the rows, so that it loads
// the column's numbers once. Narrow matrices put several rows into a block: the block then reads
// one contiguous piece of memory, whatever cols is.
//
// Sums over rows are added in a fixed order in three stages: a thread over its rows, the block over
// its threads of a column, and a second launch over the blocks' partial sums.

#include "kernels/cuda/own/vectors.h"

namespace trireme::cu {

// Rows of a block's part are cut so that a thread has at least this many: the loads that it takes
// to pay for the block's own reduction.
constexpr int64_t kRowsPerThread = 16;
// Partial sums of one column: what the second stage adds in a block of 1,024 at eight a thread.
constexpr int64_t kMostParts = 256;

struct ColumnGrid {
  int64_t rows, cols;
  int columns;  // threads side by side
  int group;    // rows of a block at a time
  int64_t strips, parts;
  int64_t rows_per_part;

  dim3 grid() const { return {static_cast<unsigned>(strips), static_cast<unsigned>(parts)}; }
};

inline ColumnGrid column_grid(int64_t rows, int64_t cols, int width) {
  const int64_t packs = ceil_div(cols, width);
  ColumnGrid g{};
  g.rows = rows;
  g.cols = cols;
  g.columns = static_cast<int>(smaller(larger(packs, 1), kBlock));
  g.group = static_cast<int>(kBlock) / g.columns;
  g.strips = ceil_div(packs, g.columns);
  g.parts = larger(1, smaller(kMostParts, ceil_div(rows, kRowsPerThread * g.group)));
  g.rows_per_part = ceil_div(rows, g.parts);
  return g;
}

// A thread's place in the walk; `column` is the first of its kWidth.
struct ColumnThread {
  int64_t column, first_row, end_row;
  int lane;  // of `group`
  bool active;
};

template <int kWidth>
__device__ inline ColumnThread column_thread(const ColumnGrid& g) {
  const int t = static_cast<int>(threadIdx.x);
  ColumnThread here{};
  here.lane = t / g.columns;
  here.column = (int64_t{blockIdx.x} * g.columns + t % g.columns) * kWidth;
  here.first_row = int64_t{blockIdx.y} * g.rows_per_part;
  here.end_row = smaller(here.first_row + g.rows_per_part, g.rows);
  here.first_row += here.lane;
  here.active = here.lane < g.group && here.column < g.cols;
  return here;
}

// partials[part][value][column] = sum over the part's rows, in fp64. `terms.add(row,
// offset, numbers, sums)` adds the kValues terms of the kWidth elements at `offset` to
// sums[value][k]; `numbers` is what terms.of_columns() gave for the columns.
template <int kValues, int kWidth, class Terms>
__global__ void __launch_bounds__(kBlock)
    column_sums_kernel(ColumnGrid g, Terms terms, double* partials) {
  TRIREME_SHARED(double, of_thread, kBlock);
  const ColumnThread here = column_thread<kWidth>(g);
  double sums[kValues][kWidth] = {};
  if (here.active) {
    const auto numbers = terms.template of_columns<kWidth>(here.column);
    for (int64_t r = here.first_row; r < here.end_row; r += g.group) {
      terms.template add<kWidth>(r, r * g.cols + here.column, numbers, sums);
    }
  }
  const int t = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int value = 0; value < kValues; ++value) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      of_thread[t] = sums[value][k];
      __syncthreads();
      if (here.active && here.lane == 0) {
        double total = 0;
        for (int lane = 0; lane < g.group; ++lane) total += of_thread[t + lane * g.columns];
        partials[(int64_t{blockIdx.y} * kValues + value) * g.cols + here.column + k] = total;
      }
      __syncthreads();
    }
  }
}

// A block of 32 columns by 32 partial sums at a time; `store.put(column of [0, values cols), sum)`.
template <class Store>
__global__ void __launch_bounds__(kWarp* kWarp)
    column_finish_kernel(int64_t width, int64_t parts, const double* partials, Store store) {
  TRIREME_SHARED(double, of_thread, kWarp* kWarp);
  const int x = static_cast<int>(threadIdx.x) % kWarp, y = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t c = int64_t{blockIdx.x} * kWarp + x;
  double sum = 0;
  if (c < width) {
    for (int64_t p = y; p < parts; p += kWarp) sum += partials[p * width + c];
  }
  of_thread[y * kWarp + x] = sum;
  __syncthreads();
  if (y > 0 || c >= width) return;
  for (int other = 1; other < kWarp; ++other) sum += of_thread[other * kWarp + x];
  store.put(c, sum);
}

// Bytes of partial sums for a matrix, whatever kWidth is taken: the narrower has the more parts.
inline size_t column_sums_scratch(int64_t rows, int64_t cols, int values) {
  return static_cast<size_t>(kMostParts < rows ? kMostParts : larger(rows, 1)) *
         static_cast<size_t>(cols * values) * sizeof(double);
}

// Adds the kValues sums of every column and hands them to `store`. `vectors`: rows may be read
// kWidth elements at a time.
template <int kValues, int kWidth, class Terms, class Store>
Status column_sums(Stream* s, int64_t rows, int64_t cols, bool vectors, const Terms& terms,
                   void* scratch, const Store& store) noexcept {
  if (cols <= 0) return Status::ok;
  double* const partials = static_cast<double*>(scratch);
  const ColumnGrid g = column_grid(rows, cols, vectors ? kWidth : 1);
  const Status first = vectors ? launch(column_sums_kernel<kValues, kWidth, Terms>, g.grid(),
                                        kBlock, 0, s, g, terms, partials)
                               : launch(column_sums_kernel<kValues, 1, Terms>, g.grid(), kBlock, 0,
                                        s, g, terms, partials);
  if (first != Status::ok) return first;
  const int64_t width = kValues * cols;
  return launch(column_finish_kernel<Store>, dim3(static_cast<unsigned>(ceil_div(width, kWarp))),
                kWarp * kWarp, 0, s, width, g.parts, partials, store);
}

// Calls visit(offset, numbers of the columns) for every element: elementwise with numbers a column.
template <int kWidth, class Visit>
__global__ void __launch_bounds__(kBlock) column_map_kernel(ColumnGrid g, Visit visit) {
  const ColumnThread here = column_thread<kWidth>(g);
  if (!here.active) return;
  const auto numbers = visit.template of_columns<kWidth>(here.column);
  for (int64_t r = here.first_row; r < here.end_row; r += g.group) {
    visit.template at<kWidth>(r * g.cols + here.column, numbers);
  }
}

template <int kWidth, class Visit>
Status column_map(Stream* s, int64_t rows, int64_t cols, bool vectors,
                  const Visit& visit) noexcept {
  if (rows <= 0 || cols <= 0) return Status::ok;
  ColumnGrid g = column_grid(rows, cols, vectors ? kWidth : 1);
  // No second stage here: as many parts as fill the device.
  g.parts = larger(
      1, smaller(ceil_div(rows, kRowsPerThread * g.group), larger(1, kMostBlocks / g.strips)));
  g.rows_per_part = ceil_div(rows, g.parts);
  return vectors ? launch(column_map_kernel<kWidth, Visit>, g.grid(), kBlock, 0, s, g, visit)
                 : launch(column_map_kernel<1, Visit>, g.grid(), kBlock, 0, s, g, visit);
}

}  // namespace trireme::cu
