#include "ps/row_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>

#include "base/error.h"
#include "ps/frozen_rows.h"

namespace trireme::ps {
namespace {
constexpr size_t kAtOnce = 32;              // lookups under way
constexpr int64_t kBlockBytes = 128 << 20;  // of addresses: memory comes page by page
// Bytes that are counted shall not be rounded up by more than a 32nd.
constexpr int64_t kLeastCounted = 64 << 20;
constexpr int64_t kMostRows = kNoRow;
constexpr int64_t kFloat = sizeof(float), kLineFloats = kAlignment / sizeof(float);

// A key alone takes half a line.
int64_t stride_of(int64_t dim, const RowState& state) {
  const int64_t floats = int64_t{sizeof(RowHeader)} / kFloat + dim + state.floats;
  return floats <= kLineFloats / 2 ? kLineFloats / 2
                                   : (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
}

int rows_shift(int64_t stride) {
  int shift = 0;
  while ((int64_t{2} << shift) * stride * kFloat <= kBlockBytes) ++shift;
  return shift;
}
}  // namespace

RowTable::RowTable(TableSpec spec, RowState state, uint64_t seed, int64_t most)
    : spec_(std::move(spec)),
      state_(state),
      salt_(mix(seed, hash_name("rows of " + spec_.name))),
      values_(mix(seed, hash_name("table." + spec_.name))),
      stride_(stride_of(spec_.dim, state)),
      huge_(most <= 0 || most * stride_ * kFloat >= kLeastCounted),
      shift_(rows_shift(stride_)),
      blocks_((static_cast<size_t>(most > 0 ? most : kMostRows) >> shift_) + 1),
      index_([this](RowId row) { return hash(header(row).key); }, most) {
  const Init kind = spec_.init.kind;
  if (kind != Init::zeros && kind != Init::constant && kind != Init::uniform &&
      kind != Init::normal)
    throw ConfigError("table " + spec_.name + ": rows start as zeros, constant, uniform or normal",
                      "an embedding has no fans: use uniform:A or normal:STD");
}

int64_t RowTable::bytes() const {
  const auto block = static_cast<int64_t>(block_bytes());
  size_t rows = 0, number = 0;
  for (int64_t left = slots_ * stride_ * kFloat; left > 0; left -= block, ++number)
    rows +=
        ReservedMemory::resident(static_cast<size_t>(std::min(left, block)), small_pages(number));
  return static_cast<int64_t>(rows + blocks_.size() * sizeof(blocks_[0])) + index_.bytes();
}

int64_t RowTable::bytes_of_row(int64_t dim, const RowState& state) {
  return stride_of(dim, state) * kFloat + RowIndex::kBytesOfRow;
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

RowId RowTable::make(int64_t key) {
  const RowId row = free_row();
  header(row) = RowHeader{key};
  initial_row(key, weights(row));
  std::fill_n(state(row), state_.floats, state_.initial);
  index_.insert(hash(key), row);
  return row;
}

RowId RowTable::free_row() {
  if (free_ != kNoRow) {
    will_change(free_);
    --erased_;
    return std::exchange(free_, header(free_).after);
  }
  if (slots_ >= kMostRows)
    throw DeviceError("table " + spec_.name + " has 2^32 - 1 rows, which is all it can have",
                      "give the features tables of their own");
  const auto row = static_cast<RowId>(slots_);
  const size_t number = row >> shift_;
  if (number >= blocks_.size()) blocks_.resize(number + 1);
  ReservedMemory& block = blocks_[number];
  if (!block.data()) block = ReservedMemory(block_bytes(), small_pages(number));
  if (!block.data())
    throw DeviceError(
        "table " + spec_.name + ": no memory for more than " + std::to_string(slots_) + " rows",
        "set tables.budget_mib, or use more servers");
  ++slots_;
  return row;
}

void RowTable::erase(RowId row) {
  will_change(row);
  RowHeader& h = header(row);
  index_.erase(hash(h.key), row);
  h.updates = -1;
  h.after = std::exchange(free_, row);
  ++erased_;
}

// each(i, row of keys[i]). Block by block, so that what a pass asks of memory has come when the
// next one looks: index slots, then rows.
template <class Each>
void RowTable::look_up(std::span<const int64_t> keys, int64_t floats, Each each) const {
  std::array<uint64_t, kAtOnce> hashes;
  std::array<const void*, kAtOnce> slots;
  std::array<RowId, kAtOnce> found;
  for (size_t first = 0; first < keys.size(); first += kAtOnce) {
    const size_t n = std::min(kAtOnce, keys.size() - first);
    for (size_t i = 0; i < n; ++i) {
      hashes[i] = hash(keys[first + i]);
      slots[i] = index_.first_probe(hashes[i]);
      __builtin_prefetch(slots[i]);
    }
    for (size_t i = 0; i < n; ++i) {
      found[i] = index_.candidate(hashes[i], slots[i]);
      if (found[i] != kNoRow) prefetch(found[i], floats);
    }
    for (size_t i = 0; i < n; ++i) {
      RowId row = found[i];
      // A tag that agrees by chance, or a row that was made since for an equal key.
      if (row == kNoRow || header(row).key != keys[first + i]) row = index_.find(hashes[i]);
      each(first + i, row);
    }
  }
}

void RowTable::find_or_create(std::span<const int64_t> keys, std::span<RowId> rows) {
  look_up(keys, kHeaderFloats,
          [&](size_t i, RowId row) { rows[i] = row == kNoRow ? make(keys[i]) : row; });
}

void RowTable::put(const std::byte* image) {
  int64_t key;
  std::memcpy(&key, image + offsetof(RowHeader, key), sizeof key);
  RowId row;
  find_or_create(std::span(&key, 1), std::span(&row, 1));
  will_change(row);
  std::memcpy(&header(row), image, row_bytes());
}

void RowTable::will_change(std::span<const RowId> rows) const {
  if (!watcher_) return;
  for (const RowId row : rows)
    if (row != kNoRow) watcher_->keep(row);
}

void RowTable::find(std::span<const int64_t> keys, std::span<RowId> rows) const {
  look_up(keys, kHeaderFloats, [&](size_t i, RowId row) { rows[i] = row; });
}

void RowTable::read(std::span<const int64_t> keys, std::span<RowId> rows, float* out) const {
  const auto dim = static_cast<size_t>(spec_.dim);
  look_up(keys, kHeaderFloats + spec_.dim, [&](size_t i, RowId row) {
    rows[i] = row;
    if (row == kNoRow)
      std::fill_n(out + i * dim, dim, 0.0f);
    else
      std::copy_n(weights(row), dim, out + i * dim);
  });
}

std::vector<RowId> RowTable::by_key(int64_t slots) const {
  // Keys beside their rows: a comparison then reads no row.
  std::vector<std::pair<int64_t, RowId>> keys;
  keys.reserve(static_cast<size_t>(slots));
  for (int64_t i = 0; i < slots; ++i) {
    const auto row = static_cast<RowId>(i);
    if (header(row).live()) keys.emplace_back(header(row).key, row);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<RowId> order;
  order.reserve(keys.size());
  for (const auto& [key, row] : keys) order.push_back(row);
  return order;
}

}  // namespace trireme::ps
