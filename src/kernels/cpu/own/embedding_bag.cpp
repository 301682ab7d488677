#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

inline int32_t row_of(const TableLeaf& table, int64_t position) {
  const int32_t number = table.index[position];
  return number < 0 ? -1 : table.row_of[number];
}

}  // namespace

Status embedding_bag_forward(Stream*, const EmbeddingBagSpec* spec, const TableLeaf* table,
                             float* y, int32_t* counts) noexcept {
  const int64_t dim = spec->dim;
  for (int64_t bag = 0; bag < spec->bags; ++bag, y += dim) {
    for (int64_t e = 0; e < dim; ++e) y[e] = 0;
    int32_t count = 0;
    for (int64_t v = 0; v < spec->values; ++v) {
      const int32_t row = row_of(*table, bag * spec->values + v);
      if (row < 0) continue;
      const float* x = table->rows + row * dim;
      for (int64_t e = 0; e < dim; ++e) y[e] += x[e];
      ++count;
    }
    if (counts) counts[bag] = count;
    if (!spec->mean || count < 2) continue;
    for (int64_t e = 0; e < dim; ++e) y[e] /= static_cast<float>(count);
  }
  return Status::ok;
}

// In the order of positions.
Status embedding_bag_backward(Stream*, const EmbeddingBagSpec* spec, const TableLeaf* table,
                              const float* dy, const int32_t* counts) noexcept {
  const int64_t dim = spec->dim;
  for (int64_t bag = 0; bag < spec->bags; ++bag, dy += dim) {
    const int32_t count = spec->mean ? counts[bag] : 1;
    for (int64_t v = 0; v < spec->values; ++v) {
      const int64_t position = bag * spec->values + v;
      if (row_of(*table, position) < 0) continue;
      float* drow = table->gradient + table->index[position] * dim;
      if (count > 1)
        for (int64_t e = 0; e < dim; ++e) drow[e] += dy[e] / static_cast<float>(count);
      else
        for (int64_t e = 0; e < dim; ++e) drow[e] += dy[e];
    }
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
