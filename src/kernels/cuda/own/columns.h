#pragma once
// How a row-major matrix [rows, cols] is walked when every column has its own numbers (channels of
// N,H,W,C): a thread keeps kWidth neighbouring columns and steps down the rows, so that it loads
// the column's numbers once. Narrow matrices put several rows into a block: the block then reads
// one contiguous piece of memory, whatever cols is.
//
// A thread asks for several rows before it uses the first: small matrices then cost one trip to
// memory, large ones run at its bandwidth. How many is said by what is computed (kRows), because
// rows in flight are registers.
//
// Sums over rows are added in a fixed order in three stages: a thread over its rows, the block over
// its threads of a column, and a second launch over the blocks' partial sums, where a column has
// more than one block. Their blocks take turns, so that the grid as a whole goes through the matrix
// once, from its end to its beginning: the second-level cache still holds the end, which whoever
// wrote the matrix wrote last, and afterwards the beginning, where the pass that follows starts.

#include "kernels/cuda/own/vectors.h"
#include "kernels/cuda/reduce.h"

namespace trireme::cu {

// Rows that a thread adds up at least: one trip to memory when four are in flight. Fewer would not
// be faster, and leave more partial sums.
constexpr int64_t kRowsPerSum = 4;
// Up to so many rows a thread, one block takes all: two trips to memory are shorter than a launch.
constexpr int64_t kRowsOfOnePart = 8;
// Blocks of a sum: two a multiprocessor at 132 of them, all at once.
constexpr int kSumBlocksAtOnce = 2;
constexpr int64_t kMostSumBlocks = kSumBlocksAtOnce * 132;
// Threads side by side in a sum: a warp's loads still meet in a row, and wide matrices are cut into
// strips rather than into parts, each of which leaves a partial sum of every column.
constexpr int kMostSumColumns = kWarp;
// Elementwise: small matrices are spread over two blocks a multiprocessor (no device of these
// generations has more than 160), large ones take several waves, so that the last one is short.
constexpr int64_t kSpreadBlocks = 2 * 160;
constexpr int64_t kMostMapBlocks = 4 * kMostBlocks;

struct ColumnGrid {
  int64_t rows, cols;
  int columns;  // threads side by side
  int group;    // rows of a block at a time
  int64_t strips, parts;
  int64_t rows_per_part;

  dim3 grid() const { return {static_cast<unsigned>(strips), static_cast<unsigned>(parts)}; }
  int64_t groups() const { return ceil_div(rows, group); }
  // Cuts the rows into at most `most` parts of whole groups.
  void cut(int64_t most) {
    rows_per_part = larger(1, ceil_div(groups(), larger(1, most))) * group;
    parts = larger(1, ceil_div(rows, rows_per_part));
  }
};

// At most `most` threads side by side. Without parts yet.
inline ColumnGrid column_grid(int64_t rows, int64_t cols, int width, int most) {
  const int64_t packs = larger(1, ceil_div(cols, width));
  ColumnGrid g{};
  g.rows = rows;
  g.cols = cols;
  g.columns = static_cast<int>(ceil_div(packs, ceil_div(packs, most)));
  g.group = static_cast<int>(kBlock) / g.columns;
  g.strips = ceil_div(packs, g.columns);
  return g;
}

enum class Direction { forwards, backwards };

// A thread's place in the walk; `column` is the first of its kWidth. It takes every `step`th row
// from first_row on, before it comes to end_row.
template <Direction kDirection>
struct ColumnThread {
  int64_t column, first_row, step, end_row;
  __device__ bool has(int64_t row) const {
    return kDirection == Direction::forwards ? row < end_row : row > end_row;
  }
};

// Forwards: a block takes neighbouring rows. Backwards: blocks take turns. A thread that has
// nothing to do gets no rows.
template <int kWidth, Direction kDirection>
__device__ inline ColumnThread<kDirection> column_thread(const ColumnGrid& g) {
  const int t = static_cast<int>(threadIdx.x), lane = t / g.columns;
  ColumnThread<kDirection> here{};
  here.column = (int64_t{blockIdx.x} * g.columns + t % g.columns) * kWidth;
  if (kDirection == Direction::forwards) {
    const int64_t first = int64_t{blockIdx.y} * g.rows_per_part;
    here.first_row = first + lane;
    here.step = g.group;
    here.end_row = smaller(first + g.rows_per_part, g.rows);
  } else {
    here.first_row = g.rows - 1 - (int64_t{blockIdx.y} * g.group + lane);
    here.step = -int64_t{gridDim.y} * g.group;
    here.end_row = -1;
  }
  if (lane >= g.group || here.column >= g.cols) here.end_row = here.first_row;
  return here;
}

// Calls use(offset, elements to the next row, what walk.fetch(row, offset) gave) for the thread's
// rows in order; kRows of them are fetched before the first is used. What is left over goes by
// halves.
template <int kWidth, int kRows, Direction kDirection, class Walk, class Use>
__device__ inline void walk_rows(const ColumnGrid& g, ColumnThread<kDirection> here,
                                 const Walk& walk, const Use& use) {
  const int64_t step = here.step * g.cols;
  int64_t r = here.first_row, offset = r * g.cols + here.column;
  for (; here.has(r + (kRows - 1) * here.step); r += kRows * here.step, offset += kRows * step) {
    decltype(walk.template fetch<kWidth>(r, offset)) fetched[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i)
      fetched[i] = walk.template fetch<kWidth>(r + i * here.step, offset + i * step);
    use(offset, step, fetched);
  }
  here.first_row = r;
  if constexpr (kRows > 1) walk_rows<kWidth, kRows / 2>(g, here, walk, use);
}

// The block's sums of its columns, from its threads': partials[value][column]. Every thread leaves
// all it has; up to kHelpers threads a sum add the lanes of its column, and one adds the helpers.
template <int kValues, int kWidth>
__device__ inline void block_column_sums(const ColumnGrid& g, const double (&sums)[kValues][kWidth],
                                         double* partials) {
  constexpr int kThreads = static_cast<int>(kBlock), kHelpers = 16;
  // Threads that read the kWidth sums of neighbouring columns meet different banks.
  constexpr int kStride = kThreads + 16 / kWidth;
  TRIREME_SHARED(double, of_thread, kValues* kWidth* kStride);
  TRIREME_SHARED(double, of_helper, kThreads);
  const int t = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < kValues * kWidth; ++i)
    of_thread[i * kStride + t] = sums[i / kWidth][i % kWidth];
  __syncthreads();
  const int across = g.columns * kWidth, outputs = kValues * across;
  const int helpers = static_cast<int>(smaller(kHelpers, larger(1, kThreads / outputs)));
  const int64_t first_column = int64_t{blockIdx.x} * across;
  const auto add_lanes = [&](int output, int helper) {
    const int value = output / across, column = output % across;
    const int at = (value * kWidth + column % kWidth) * kStride + column / kWidth;
    double total = 0;
#pragma unroll 4
    for (int lane = helper; lane < g.group; lane += helpers)
      total += of_thread[at + lane * g.columns];
    return total;
  };
  const auto keep = [&](int output, double total) {
    const int64_t column = first_column + output % across;
    if (column < g.cols) partials[output / across * g.cols + column] = total;
  };
  if (helpers == 1) {
    for (int output = t; output < outputs; output += kThreads) keep(output, add_lanes(output, 0));
    return;
  }
  if (t < outputs * helpers) of_helper[t] = add_lanes(t % outputs, t / outputs);
  __syncthreads();
  if (t >= outputs) return;
  double total = 0;
#pragma unroll 4
  for (int helper = 0; helper < helpers; ++helper) total += of_helper[helper * outputs + t];
  keep(t, total);
}

// By halves, so that what was fetched first waits for the rest: without that the compiler asks for
// rows one after the other.
template <int kRows>
__device__ inline double sum_of_rows(double (&of)[kRows]) {
#pragma unroll
  for (int half = kRows / 2; half > 0; half /= 2) {
#pragma unroll
    for (int i = 0; i < half; ++i) of[i] += of[i + half];
  }
  return of[0];
}

// partials[part][value][column] = sum over the part's rows, in fp64. `terms.add(offset, elements
// to the next row, fetched rows, numbers, sums)` adds the kValues terms of kWidth elements of each
// to sums[value][k]; `numbers` is what terms.of_columns() gave for the columns. Where there is one
// part, its sums go to `store`.
template <int kValues, int kWidth, class Terms, class Store>
__global__ void __launch_bounds__(kBlock, kSumBlocksAtOnce)
    column_sums_kernel(ColumnGrid g, Terms terms, double* partials, Store store) {
  const auto here = column_thread<kWidth, Direction::backwards>(g);
  double sums[kValues][kWidth] = {};
  if (here.has(here.first_row)) {
    const auto numbers = terms.template of_columns<kWidth>(here.column);
    walk_rows<kWidth, Terms::kRows>(
        g, here, terms, [&](int64_t offset, int64_t step, const auto& fetched) {
          terms.template add<kWidth>(offset, step, fetched, numbers, sums);
        });
  }
  block_column_sums(g, sums, partials + int64_t{blockIdx.y} * kValues * g.cols);
  if (g.parts > 1) return;
  __syncthreads();
  const int across = g.columns * kWidth;
  for (int i = static_cast<int>(threadIdx.x); i < across; i += static_cast<int>(kBlock)) {
    const int64_t c = int64_t{blockIdx.x} * across + i;
    if (c >= g.cols) return;
    double of_column[kValues];
    for (int value = 0; value < kValues; ++value) of_column[value] = partials[value * g.cols + c];
    store.put(c, of_column);
  }
}

// A block takes kFinishColumns columns, 32 threads each; a warp has 4 of a column's threads.
// `store.put(column, sums[kValues])`.
constexpr int kFinishColumns = static_cast<int>(kBlock) / kWarp;
template <int kValues, class Store>
__global__ void __launch_bounds__(kBlock)
    column_finish_kernel(int64_t cols, int64_t parts, const double* partials, Store store) {
  constexpr int kWarps = static_cast<int>(kBlock) / kWarp;
  TRIREME_SHARED(double, of_warp, kValues* kWarps* kFinishColumns);
  const int t = static_cast<int>(threadIdx.x), x = t % kFinishColumns, warp = t / kWarp;
  const int64_t c = int64_t{blockIdx.x} * kFinishColumns + x;
  double sums[kValues] = {};
  if (c < cols) {
#pragma unroll 4
    for (int64_t p = t / kFinishColumns; p < parts; p += kWarp) {
#pragma unroll
      for (int i = 0; i < kValues; ++i) sums[i] += partials[(p * kValues + i) * cols + c];
    }
  }
#pragma unroll
  for (int i = 0; i < kValues; ++i) {
    for (int offset = kFinishColumns; offset < kWarp; offset *= 2)
      sums[i] += __shfl_xor_sync(kAllLanes, sums[i], offset);
    if (t % kWarp < kFinishColumns) of_warp[(i * kWarps + warp) * kFinishColumns + x] = sums[i];
  }
  __syncthreads();
  if (t >= kFinishColumns || c >= cols) return;
#pragma unroll
  for (int i = 0; i < kValues; ++i) {
    sums[i] = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) sums[i] += of_warp[(i * kWarps + w) * kFinishColumns + x];
  }
  store.put(c, sums);
}

// Parts of a matrix that is cut into so many strips.
inline int64_t most_parts(int64_t strips) { return larger(1, kMostSumBlocks / strips); }

// Bytes of partial sums for a matrix, whatever kWidth is taken: up to eight.
inline size_t column_sums_scratch(int64_t rows, int64_t cols, int values) {
  const int64_t parts = most_parts(larger(1, ceil_div(cols, 8 * kMostSumColumns)));
  return static_cast<size_t>(smaller(parts, larger(rows, 1)) * cols * values) * sizeof(double);
}

// Adds the kValues sums of every column and hands them to `store`. `vectors`: rows may be read
// kWidth elements at a time.
template <int kValues, int kWidth, class Terms, class Store>
Status column_sums(Stream* s, int64_t rows, int64_t cols, bool vectors, const Terms& terms,
                   void* scratch, const Store& store) noexcept {
  if (cols <= 0) return Status::ok;
  double* const partials = static_cast<double*>(scratch);
  ColumnGrid g = column_grid(rows, cols, vectors ? kWidth : 1, kMostSumColumns);
  g.cut(g.groups() <= kRowsOfOnePart
            ? 1
            : smaller(most_parts(g.strips), ceil_div(g.groups(), kRowsPerSum)));
  const Status first = vectors ? launch(column_sums_kernel<kValues, kWidth, Terms, Store>, g.grid(),
                                        kBlock, 0, s, g, terms, partials, store)
                               : launch(column_sums_kernel<kValues, 1, Terms, Store>, g.grid(),
                                        kBlock, 0, s, g, terms, partials, store);
  if (first != Status::ok || g.parts == 1) return first;
  return launch(column_finish_kernel<kValues, Store>,
                dim3(static_cast<unsigned>(ceil_div(cols, kFinishColumns))), kBlock, 0, s, cols,
                g.parts, partials, store);
}

// One sum a column, rounded once.
struct FloatStore {
  float* y;
  bool add;
  __device__ void put(int64_t c, const double (&sums)[1]) const {
    cu::put(y + c, static_cast<float>(sums[0]), add);
  }
};

// Calls visit.at(offset, fetched, numbers of the columns) for every element: elementwise with
// numbers a column. All rows in flight are fetched before the first is visited.
template <int kWidth, class Visit>
__global__ void __launch_bounds__(kBlock) column_map_kernel(ColumnGrid g, Visit visit) {
  const auto here = column_thread<kWidth, Direction::forwards>(g);
  if (!here.has(here.first_row)) return;
  const auto numbers = visit.template of_columns<kWidth>(here.column);
  walk_rows<kWidth, Visit::kRows>(
      g, here, visit, [&]<int kRows, class F>(int64_t offset, int64_t step, const F(&of)[kRows]) {
#pragma unroll
        for (int i = 0; i < kRows; ++i)
          visit.template at<kWidth>(offset + i * step, of[i], numbers);
      });
}

template <int kWidth, class Visit>
Status column_map(Stream* s, int64_t rows, int64_t cols, bool vectors,
                  const Visit& visit) noexcept {
  if (rows <= 0 || cols <= 0) return Status::ok;
  ColumnGrid g = column_grid(rows, cols, vectors ? kWidth : 1, kBlock);
  // No second stage here: as many parts as serve the device.
  const int64_t wanted = larger(ceil_div(g.groups(), Visit::kRows), kSpreadBlocks / g.strips);
  g.cut(smaller(wanted, kMostMapBlocks / g.strips));
  return vectors ? launch(column_map_kernel<kWidth, Visit>, g.grid(), kBlock, 0, s, g, visit)
                 : launch(column_map_kernel<1, Visit>, g.grid(), kBlock, 0, s, g, visit);
}

}  // namespace trireme::cu
