#include "ps/row_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/error.h"

namespace trireme::ps {
namespace {
constexpr size_t kAhead = 12;             // lookups between a prefetch and its use
constexpr int64_t kChunkBytes = 1 << 20;  // the memory that one new row may have to map and clear
constexpr int64_t kLine = kAlignment / sizeof(float);

int rows_shift(int64_t stride) {
  int shift = 0;
  while (shift < 16 && (int64_t{2} << shift) * stride * int64_t{sizeof(float)} <= kChunkBytes)
    ++shift;
  return shift;
}

void prefetch(const float* row, int64_t floats) {
  for (int64_t i = 0; i < floats; i += kLine) __builtin_prefetch(row + i);
}
}  // namespace

RowTable::RowTable(TableSpec spec, RowState state, uint64_t seed)
    : spec_(std::move(spec)),
      state_(state),
      salt_(mix(seed, hash_name("rows of " + spec_.name))),
      values_(mix(seed, hash_name("table." + spec_.name))),
      stride_((kHeaderFloats + spec_.dim + state.floats + kLine - 1) / kLine * kLine),
      shift_(rows_shift(stride_)),
      blocks_((size_t{1} << (32 - shift_)) / kChunksPerBlock + 1),
      index_([this](RowId row) { return hash(header(row).key); }) {
  const Init kind = spec_.init.kind;
  if (kind != Init::zeros && kind != Init::constant && kind != Init::uniform &&
      kind != Init::normal)
    throw ConfigError("table " + spec_.name + ": rows start as zeros, constant, uniform or normal",
                      "an embedding has no fans: use uniform:A or normal:STD");
}

int64_t RowTable::bytes() const {
  const int64_t rows = int64_t{1} << shift_;
  return (size_ + rows - 1) / rows * rows * stride_ * int64_t{sizeof(float)} + index_.bytes();
}

void RowTable::initial_row(int64_t key, float* out) const {
  const double a = spec_.init.a, b = spec_.init.b;
  const auto draw = [&](int64_t e) {
    return philox(values_, static_cast<uint64_t>(key), static_cast<uint64_t>(e));
  };
  switch (spec_.init.kind) {
    case Init::uniform:  // 24 bits each, four a draw
      for (int64_t e = 0; e < spec_.dim; e += 4) {
        const Philox4 words = draw(e / 4);
        for (int64_t k = e; k < std::min(e + 4, spec_.dim); ++k)
          out[k] = static_cast<float>(a + (b - a) * double{to_unit_float(words[size_t(k - e)])});
      }
      return;
    case Init::normal:  // Box and Muller (1958), two a draw
      for (int64_t e = 0; e < spec_.dim; e += 2) {
        const Philox4 w = draw(e / 2);
        const double r = std::sqrt(-2 * std::log(1 - to_unit_double(w[0], w[1])));
        const double angle = 2 * std::numbers::pi * to_unit_double(w[2], w[3]);
        out[e] = static_cast<float>(a + b * r * std::cos(angle));
        if (e + 1 < spec_.dim) out[e + 1] = static_cast<float>(a + b * r * std::sin(angle));
      }
      return;
    default:
      std::fill_n(out, spec_.dim, spec_.init.kind == Init::constant ? static_cast<float>(a) : 0.0f);
  }
}

RowId RowTable::make_row(int64_t key) {
  if (size_ >= int64_t{kNoRow})
    throw DeviceError("table " + spec_.name + " has 2^32 - 1 rows, which is all it can have",
                      "give the features tables of their own");
  const auto row = static_cast<RowId>(size_);
  const size_t chunk = row >> shift_;
  std::unique_ptr<Block>& block = blocks_[chunk / kChunksPerBlock];
  if (!block) block = std::make_unique<Block>();
  AlignedBuffer& rows = (*block)[chunk % kChunksPerBlock];
  if (rows.size() == 0)
    rows = AlignedBuffer((size_t{1} << shift_) * static_cast<size_t>(stride_) * sizeof(float));
  header(row) = RowHeader{key};
  initial_row(key, weights(row));
  std::fill_n(state(row), state_.floats, state_.initial);
  index_.insert(hash(key), row);
  ++size_;
  return row;
}

// Three lookups are under way at once, kAhead apart: the index's line is fetched, then the row's,
// then the row is looked at.
template <class Missing>
void RowTable::look_up(std::span<const int64_t> keys, std::span<RowId> rows,
                       Missing missing) const {
  const size_t n = keys.size();
  for (size_t i = 0; i < n + 2 * kAhead; ++i) {
    if (i < n) __builtin_prefetch(index_.first_probe(hash(keys[i])));
    if (i >= kAhead && i < n + kAhead) {
      const RowId row = index_.candidate(hash(keys[i - kAhead]));
      if (row != kNoRow) __builtin_prefetch(at(row));
    }
    if (i < 2 * kAhead) continue;
    const size_t k = i - 2 * kAhead;
    const RowId row = index_.find(hash(keys[k]));
    rows[k] = row == kNoRow ? missing(keys[k]) : row;
  }
}

void RowTable::find_or_create(std::span<const int64_t> keys, std::span<RowId> rows) {
  look_up(keys, rows, [this](int64_t key) { return make_row(key); });
}

void RowTable::find(std::span<const int64_t> keys, std::span<RowId> rows) const {
  look_up(keys, rows, [](int64_t) { return kNoRow; });
}

void RowTable::gather(std::span<const RowId> rows, float* out) const {
  const size_t row_bytes = static_cast<size_t>(spec_.dim) * sizeof(float);
  for (size_t i = 0; i < rows.size(); ++i, out += spec_.dim) {
    if (i + kAhead < rows.size() && rows[i + kAhead] != kNoRow)
      prefetch(at(rows[i + kAhead]), kHeaderFloats + spec_.dim);
    if (rows[i] == kNoRow)
      std::memset(out, 0, row_bytes);
    else
      std::memcpy(out, weights(rows[i]), row_bytes);
  }
}

std::vector<RowId> RowTable::by_key(int64_t count) const {
  std::vector<RowId> order(static_cast<size_t>(count));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<RowId>(i);
  std::sort(order.begin(), order.end(),
            [this](RowId a, RowId b) { return header(a).key < header(b).key; });
  return order;
}

}  // namespace trireme::ps
