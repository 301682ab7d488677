#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/vector.h"

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

// What a row is added up in: kVectors vectors in registers, of the widths that tables often have.
typedef float Float16 __attribute__((vector_size(64)));
template <class V, int kVectors>
struct Fixed {
  static constexpr int64_t kLanes = sizeof(V) / sizeof(float);
  explicit Fixed(int64_t) {}
  static constexpr int64_t dim() { return kLanes * kVectors; }
  static void add(const float* dy, float divisor, float* drow) {
    for (int k = 0; k < kVectors; ++k) {
      const V g = load<V>(dy + k * kLanes);
      store(drow + k * kLanes, load<V>(drow + k * kLanes) + (divisor > 1 ? g / divisor : g));
    }
  }
  struct Sum {
    Sum(float*, int64_t) {}
    void add(const float* x) {
      for (int k = 0; k < kVectors; ++k) sum[k] += load<V>(x + k * kLanes);
    }
    void finish(float divisor, float* y) const {
      for (int k = 0; k < kVectors; ++k)
        store(y + k * kLanes, divisor > 1 ? sum[k] / divisor : sum[k]);
    }
    V sum[kVectors] = {};
  };
};

// Any width: where the sum goes.
struct InPlace {
  int64_t width;
  explicit InPlace(int64_t dim) : width(dim) {}
  int64_t dim() const { return width; }
  void add(const float* dy, float divisor, float* drow) const {
    if (divisor > 1)
      for (int64_t e = 0; e < width; ++e) drow[e] += dy[e] / divisor;
    else
      for (int64_t e = 0; e < width; ++e) drow[e] += dy[e];
  }
  struct Sum {
    Sum(float* y, int64_t dim) : sum(y), width(dim) {
      for (int64_t e = 0; e < width; ++e) sum[e] = 0;
    }
    void add(const float* x) {
      for (int64_t e = 0; e < width; ++e) sum[e] += x[e];
    }
    void finish(float divisor, float*) const {
      for (int64_t e = 0; e < width && divisor > 1; ++e) sum[e] /= divisor;
    }
    float* sum;
    int64_t width;
  };
};

template <class Job>
Status for_width(int64_t dim, Job job) {
  switch (dim) {
    case 8:
      job(Fixed<Float8, 1>(dim));
      break;
    case 16:
      job(Fixed<Float16, 1>(dim));
      break;
    case 32:
      job(Fixed<Float16, 2>(dim));
      break;
    case 64:
      job(Fixed<Float16, 4>(dim));
      break;
    default:
      job(InPlace(dim));
  }
  return Status::ok;
}

}  // namespace

Status embedding_bag_forward(Stream*, const EmbeddingBagSpec* spec, const TableLeaf* table,
                             float* y, int32_t* counts) noexcept {
  return for_width(spec->dim, [&](auto row) {
    const int64_t dim = row.dim(), positions = spec->bags * spec->values;
    for (int64_t bag = 0; bag < spec->bags; ++bag, y += dim) {
      typename decltype(row)::Sum sum(y, dim);
      int32_t count = 0;
      for (int64_t at = bag * spec->values; at < (bag + 1) * spec->values; ++at) {
        if (at + kAhead < positions) prefetch(table->rows, row_of(*table, at + kAhead), dim);
        const int32_t number = row_of(*table, at);
        if (number < 0) continue;
        sum.add(table->rows + number * dim);
        ++count;
      }
      if (counts) counts[bag] = count;
      sum.finish(spec->mean ? static_cast<float>(count) : 1, y);
    }
  });
}

// In the order of positions.
Status embedding_bag_backward(Stream*, const EmbeddingBagSpec* spec, const TableLeaf* table,
                              const float* dy, const int32_t* counts) noexcept {
  return for_width(spec->dim, [&](auto row) {
    for (int64_t bag = 0; bag < spec->bags; ++bag) {
      const float divisor = spec->mean ? static_cast<float>(counts[bag]) : 1;
      for (int64_t v = 0; v < spec->values; ++v) {
        const int64_t position = bag * spec->values + v;
        if (row_of(*table, position) < 0) continue;
        row.add(dy + bag * row.dim(), divisor,
                table->gradient + table->index[position] * row.dim());
      }
    }
  });
}

}  // namespace trireme::cpu::TRIREME_LEVEL
