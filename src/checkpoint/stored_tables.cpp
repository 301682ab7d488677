#include "checkpoint/stored_tables.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

#include "base/error.h"
#include "checkpoint/parts.h"

namespace trireme {
namespace {

constexpr std::string_view kPrefix = "table.", kKeys = ".keys";

[[noreturn]] void fail_order(const std::string& table, int64_t row) {
  throw FormatError("table " + table + ": keys are not ascending at row " + std::to_string(row),
                    "use another checkpoint of the run");
}

int64_t integer_at(std::span<const std::byte> bytes, int64_t i) {
  int64_t value;
  std::memcpy(&value, bytes.data() + static_cast<size_t>(i) * sizeof value, sizeof value);
  return value;
}

StoredColumn column_of(const CheckpointReader& checkpoint, const TensorMeta& meta) {
  StoredColumn column{meta.name, meta.dtype, 1, {}};
  for (int axis = 1; axis < meta.shape.rank(); ++axis) column.width *= meta.shape[axis];
  const int parts = checkpoint.parts(meta.name);
  for (int part = 0; part < parts; ++part)
    column.parts.push_back(checkpoint.data(*checkpoint.find(part_name(meta.name, part, parts))));
  return column;
}

// Whether the column has a row for each key, part by part.
bool goes_with(const StoredColumn& column, const StoredColumn& keys) {
  return std::ranges::equal(column.parts, keys.parts, [&](const auto& values, const auto& of_keys) {
    return values.size() == of_keys.size() / keys.row_bytes() * column.row_bytes();
  });
}

// The key of row i, which must be larger than that of the row before.
int64_t key_at(const StoredTable& table, int64_t i) {
  const int64_t key = table.keys.integer(i);
  if (i > 0 && key <= table.keys.integer(i - 1)) fail_order(table.name, i);
  return key;
}

StoredTable table_of(const CheckpointReader& checkpoint, const TensorMeta& keys) {
  StoredTable table;
  const std::string stem = keys.name.substr(0, keys.name.size() - kKeys.size() + 1);
  table.name = stem.substr(kPrefix.size(), stem.size() - kPrefix.size() - 1);
  table.rows = keys.shape[0];
  table.keys = column_of(checkpoint, keys);
  for (const TensorMeta& other : checkpoint.whole_tensors()) {
    if (other.name == stem + "life") {  // counts, not a column
      if (other.dtype == DType::i64 && other.shape == Shape{kLifeNumbers})
        table.life = column_of(checkpoint, other);
      continue;
    }
    const bool of_rows = other.shape.rank() > 0 && other.shape[0] == table.rows;
    if (!of_rows || other.name == keys.name || !other.name.starts_with(stem) ||
        other.name.find('.', stem.size()) != std::string::npos)
      continue;
    StoredColumn column = column_of(checkpoint, other);
    if (goes_with(column, table.keys)) table.columns.push_back(std::move(column));
  }
  std::ranges::sort(table.columns, {}, &StoredColumn::name);
  if (table.keys.parts.size() > 1) {
    table.places = std::make_unique<const RowPlaces>(table.keys.parts, table.name);
    table.keys.places = table.places.get();
    for (StoredColumn& column : table.columns) column.places = table.places.get();
  }
  return table;
}

}  // namespace

RowPlaces::RowPlaces(const std::vector<std::span<const std::byte>>& keys,
                     const std::string& table) {
  using Next = std::pair<int64_t, uint64_t>;  // the key, and where it is
  std::priority_queue<Next, std::vector<Next>, std::greater<>> next;
  std::vector<uint64_t> ends;
  size_t rows = 0;
  for (const auto& part : keys) {
    const uint64_t first = uint64_t{ends.size()} << kRowBits, n = part.size() / sizeof(int64_t);
    if (n > 0) next.emplace(integer_at(part, 0), first);
    ends.push_back(first + n);
    rows += n;
  }
  places_.reserve(rows);
  while (!next.empty()) {
    const auto [key, place] = next.top();
    next.pop();
    places_.push_back(place);
    const size_t part = place >> kRowBits;
    if (place + 1 == ends[part]) continue;
    const auto row = static_cast<int64_t>(place + 1 - (uint64_t{part} << kRowBits));
    const int64_t after = integer_at(keys[part], row);
    if (after <= key) fail_order(table + ", part " + std::to_string(part + 1), row);
    next.emplace(after, place + 1);
  }
}

size_t StoredColumn::bytes() const {
  size_t total = 0;
  for (const auto& part : parts) total += part.size();
  return total;
}

const StoredColumn* StoredTable::find(std::string_view suffix) const {
  const auto at = std::ranges::find_if(
      columns, [&](const StoredColumn& c) { return c.name.ends_with(suffix); });
  return at == columns.end() ? nullptr : &*at;
}

size_t StoredTable::bytes() const {
  size_t total = keys.bytes();
  for (const StoredColumn& column : columns) total += column.bytes();
  return total;
}

std::vector<StoredTable> stored_tables(const CheckpointReader& checkpoint) {
  std::vector<StoredTable> tables;
  for (const TensorMeta& meta : checkpoint.whole_tensors())
    if (meta.name.starts_with(kPrefix) && meta.name.ends_with(kKeys) && meta.dtype == DType::i64 &&
        meta.shape.rank() == 1)
      tables.push_back(table_of(checkpoint, meta));
  std::ranges::sort(tables, {}, &StoredTable::name);
  return tables;
}

std::optional<KeyPair> KeyJoin::next() {
  const bool more_a = i_ < a_.rows, more_b = j_ < b_.rows;
  if (!more_a && !more_b) return std::nullopt;
  const int64_t a = more_a ? key_at(a_, i_) : 0, b = more_b ? key_at(b_, j_) : 0;
  KeyPair pair{more_a && (!more_b || a <= b) ? a : b, -1, -1};
  if (more_a && a == pair.key) pair.a = i_++;
  if (more_b && b == pair.key) pair.b = j_++;
  return pair;
}

}  // namespace trireme
