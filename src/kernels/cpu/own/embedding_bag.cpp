#include <type_traits>

#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

constexpr int64_t kAhead = 16;  // positions between asking for a row and reading it

inline int32_t row_of(const TableLeaf& table, int64_t position) {
  const int32_t number = table.index[position];
  return number < 0 ? -1 : table.row_of[number];
}

// Rows come in no order, half of them from other lanes' caches.
inline void prefetch(const float* rows, int32_t row, int64_t dim) {
  constexpr int64_t kLine = 16;
  for (int64_t e = 0; e < dim && row >= 0; e += kLine) __builtin_prefetch(rows + row * dim + e);
}

// Widths that tables often have are constants of the loops: a row is a few registers. 0: any other.
template <class Job>
Status for_width(int64_t dim, Job job) {
  switch (dim) {
    case 8:
      job(std::integral_constant<int64_t, 8>{});
      break;
    case 16:
      job(std::integral_constant<int64_t, 16>{});
      break;
    case 32:
      job(std::integral_constant<int64_t, 32>{});
      break;
    case 64:
      job(std::integral_constant<int64_t, 64>{});
      break;
    default:
      job(std::integral_constant<int64_t, 0>{});
  }
  return Status::ok;
}

template <int64_t kDim>
void forward(const EmbeddingBagSpec& spec, const TableLeaf& table, float* y, int32_t* counts) {
  const int64_t dim = kDim > 0 ? kDim : spec.dim;
  for (int64_t bag = 0; bag < spec.bags; ++bag, y += dim) {
    float registers[kDim > 0 ? kDim : 1];
    float* const sum = kDim > 0 ? registers : y;
    for (int64_t e = 0; e < dim; ++e) sum[e] = 0;
    int32_t count = 0;
    for (int64_t v = 0; v < spec.values; ++v) {
      const int64_t position = bag * spec.values + v;
      if (position + kAhead < spec.bags * spec.values)
        prefetch(table.rows, row_of(table, position + kAhead), dim);
      const int32_t row = row_of(table, position);
      if (row < 0) continue;
      const float* x = table.rows + row * dim;
      for (int64_t e = 0; e < dim; ++e) sum[e] += x[e];
      ++count;
    }
    if (counts) counts[bag] = count;
    const bool divides = spec.mean && count > 1;
    for (int64_t e = 0; e < dim && divides; ++e) sum[e] /= static_cast<float>(count);
    for (int64_t e = 0; e < kDim; ++e) y[e] = sum[e];
  }
}

// In the order of positions.
template <int64_t kDim>
void backward(const EmbeddingBagSpec& spec, const TableLeaf& table, const float* dy,
              const int32_t* counts) {
  const int64_t dim = kDim > 0 ? kDim : spec.dim;
  for (int64_t bag = 0; bag < spec.bags; ++bag, dy += dim) {
    const int32_t count = spec.mean ? counts[bag] : 1;
    for (int64_t v = 0; v < spec.values; ++v) {
      const int64_t position = bag * spec.values + v;
      if (row_of(table, position) < 0) continue;
      float* drow = table.gradient + table.index[position] * dim;
      if (count > 1)
        for (int64_t e = 0; e < dim; ++e) drow[e] += dy[e] / static_cast<float>(count);
      else
        for (int64_t e = 0; e < dim; ++e) drow[e] += dy[e];
    }
  }
}

}  // namespace

Status embedding_bag_forward(Stream*, const EmbeddingBagSpec* spec, const TableLeaf* table,
                             float* y, int32_t* counts) noexcept {
  return for_width(spec->dim, [&](auto dim) { forward<dim>(*spec, *table, y, counts); });
}

Status embedding_bag_backward(Stream*, const EmbeddingBagSpec* spec, const TableLeaf* table,
                              const float* dy, const int32_t* counts) noexcept {
  return for_width(spec->dim, [&](auto dim) { backward<dim>(*spec, *table, dy, counts); });
}

}  // namespace trireme::cpu::TRIREME_LEVEL
