// Rows pooled to bags, and the gradients that go back. A thread takes kWidth neighbouring elements
// of one bag, or of one run of a row's positions: neighbouring threads read neighbouring elements
// of a row (dy: of a bag), 128 bits of fp32 where rows allow it. Which row that is, is as good as
// random. A row's gradient is summed by one thread in the order of positions, that of a long row by
// one thread a run and then over its runs: no atomics, and the same bits whatever the grid.
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/vectors.h"

namespace trireme::cu {
namespace {

constexpr int kFloats = kVector<float>;

__device__ inline int32_t row_at(const TableLeaf& table, int64_t position) {
  const int32_t number = table.index[position];
  return number < 0 ? -1 : table.row_of[number];
}

template <int kWidth>
__device__ inline void add_to(Pack<kWidth>& sum, const Pack<kWidth>& v) {
#pragma unroll
  for (int k = 0; k < kWidth; ++k) sum.at[k] += v.at[k];
}

template <int kWidth>
__device__ inline void divide(Pack<kWidth>& v, int32_t count) {
  if (count < 2) return;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v.at[k] /= static_cast<float>(count);
}

template <int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    embedding_bag_kernel(EmbeddingBagSpec spec, TableLeaf table, T* y, int32_t* counts) {
  const int64_t packs = spec.dim / kWidth, all = spec.bags * packs;
  for (int64_t i = first_index(); i < all; i += grid_stride()) {
    const int64_t bag = i / packs, e = i % packs * kWidth;
    Pack<kWidth> sum{};
    int32_t count = 0;
    for (int64_t v = 0; v < spec.values; ++v) {
      const int32_t row = row_at(table, bag * spec.values + v);
      if (row < 0) continue;
      add_to(sum, load<kWidth>(table.rows + row * spec.dim + e));
      ++count;
    }
    if (spec.mean) divide(sum, count);
    store(y + bag * spec.dim + e, sum);
    if (counts && e == 0) counts[bag] = count;
  }
}

// Adds `sum` to the gradient of a row, if there is one.
template <int kWidth>
__device__ inline void add_gradient(const TableLeaf& table, int32_t number, int64_t dim, int64_t e,
                                    const Pack<kWidth>& sum) {
  if (table.row_of[number] >= 0) put(table.gradient + number * dim + e, sum, true);
}

// Four positions are asked for before the first is added; with divisions that would take too many
// registers.
template <bool kMean, int kWidth, class T>
__global__ void __launch_bounds__(kBlock)
    embedding_runs_kernel(EmbeddingBagSpec spec, TableLeaf table, const T* dy,
                          const int32_t* counts) {
  const RowRuns& runs = table.runs;
  const int64_t packs = spec.dim / kWidth, all = runs.counts[0] * packs;
  const int32_t values = static_cast<int32_t>(spec.values);  // as positions are
  for (int64_t i = first_index(); i < all; i += grid_stride()) {
    const int64_t run = i / packs, e = i % packs * kWidth;
    const int32_t end = runs.first[run + 1], target = runs.target[run];
    Pack<kWidth> sum{};
#pragma unroll(kMean ? 1 : 4)
    for (int32_t at = runs.first[run]; at < end; ++at) {
      const int32_t bag = runs.positions[at] / values;
      Pack<kWidth> g = load<kWidth>(dy + bag * spec.dim + e);
      if constexpr (kMean) divide(g, counts[bag]);
      add_to(sum, g);
    }
    if (target < 0)
      store(runs.partials + ~target * spec.dim + e, sum);
    else
      add_gradient(table, target, spec.dim, e, sum);
  }
}

// The gradients of long rows, from their runs' sums.
template <int kWidth>
__global__ void __launch_bounds__(kBlock) embedding_long_rows_kernel(int64_t dim, TableLeaf table) {
  const RowRuns& runs = table.runs;
  const int64_t packs = dim / kWidth, all = runs.counts[1] * packs;
  for (int64_t i = first_index(); i < all; i += grid_stride()) {
    const int64_t row = i / packs, e = i % packs * kWidth;
    const int32_t end = runs.long_first[row + 1];
    Pack<kWidth> sum{};
#pragma unroll 4
    for (int32_t at = runs.long_first[row]; at < end; ++at)
      add_to(sum, load<kWidth>(runs.partials + at * dim + e));
    add_gradient(table, runs.long_number[row], dim, e, sum);
  }
}

template <class T>
Status embedding_bag_forward(Stream* s, const EmbeddingBagSpec* spec, const TableLeaf* table,
                             Element* y, int32_t* counts) noexcept {
  const bool vectors =
      spec->dim % kFloats == 0 && all_aligned(table->rows) && aligned(y, kFloats * sizeof(T));
  return launch(vectors ? embedding_bag_kernel<kFloats, T> : embedding_bag_kernel<1, T>,
                grid_for(spec->bags * spec->dim / (vectors ? kFloats : 1)), kBlock, 0, s, *spec,
                *table, typed<T>(y), counts);
}

// Grids are for the most that a batch can look up; how much it does is in device memory.
template <int kWidth, class T>
Status add_gradients(Stream* s, const EmbeddingBagSpec& spec, const TableLeaf& table, const T* dy,
                     const int32_t* counts) noexcept {
  const int64_t positions = spec.bags * spec.values, packs = spec.dim / kWidth;
  const Status runs = launch(
      spec.mean ? embedding_runs_kernel<true, kWidth, T> : embedding_runs_kernel<false, kWidth, T>,
      grid_for(positions * packs), kBlock, 0, s, spec, table, dy, counts);
  if (runs != Status::ok) return runs;
  return launch(embedding_long_rows_kernel<kWidth>, grid_for(positions / kRowRun * packs), kBlock,
                0, s, spec.dim, table);
}

template <class T>
Status embedding_bag_backward(Stream* s, const EmbeddingBagSpec* spec, const TableLeaf* table,
                              const Element* dy, const int32_t* counts) noexcept {
  const bool vectors = spec->dim % kFloats == 0 &&
                       all_aligned(table->gradient, table->runs.partials) &&
                       aligned(dy, kFloats * sizeof(T));
  return vectors ? add_gradients<kFloats>(s, *spec, *table, typed<T>(dy), counts)
                 : add_gradients<1>(s, *spec, *table, typed<T>(dy), counts);
}

}  // namespace

template <class T>
void fill_embedding_bag(KernelTable& t) noexcept {
  t.embedding_bag_forward = embedding_bag_forward<T>;
  t.embedding_bag_backward = embedding_bag_backward<T>;
}
template void fill_embedding_bag<float>(KernelTable&) noexcept;
template void fill_embedding_bag<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_embedding_bag<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
