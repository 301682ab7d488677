#include "checkpoint/stored_tables.h"

#include <algorithm>

#include "base/error.h"

namespace trireme {
namespace {

constexpr std::string_view kPrefix = "table.", kKeys = ".keys";

StoredColumn column_of(const CheckpointReader& checkpoint, const TensorMeta& meta) {
  int64_t width = 1;
  for (int axis = 1; axis < meta.shape.rank(); ++axis) width *= meta.shape[axis];
  return {&meta, checkpoint.data(meta), width};
}

// The key of row i, which must be larger than that of the row before.
int64_t key_at(const StoredTable& table, int64_t i) {
  const int64_t key = table.keys.integer(i);
  if (i > 0 && key <= table.keys.integer(i - 1))
    throw FormatError(
        "table " + table.name + ": keys are not ascending at row " + std::to_string(i),
        "use another checkpoint of the run");
  return key;
}

}  // namespace

const StoredColumn* StoredTable::find(std::string_view suffix) const {
  const auto at = std::ranges::find_if(
      columns, [&](const StoredColumn& c) { return c.meta->name.ends_with(suffix); });
  return at == columns.end() ? nullptr : &*at;
}

size_t StoredTable::bytes() const {
  size_t total = keys.bytes.size();
  for (const StoredColumn& column : columns) total += column.bytes.size();
  return total;
}

std::vector<StoredTable> stored_tables(const CheckpointReader& checkpoint) {
  std::vector<StoredTable> tables;
  for (const auto& [keys, file] : checkpoint.manifest().tensors) {
    const std::string& name = keys.name;
    if (!name.starts_with(kPrefix) || !name.ends_with(kKeys) || keys.dtype != DType::i64 ||
        keys.shape.rank() != 1)
      continue;
    StoredTable table;
    table.name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kKeys.size());
    table.rows = keys.shape[0];
    table.keys = column_of(checkpoint, keys);
    const std::string stem = name.substr(0, name.size() - kKeys.size() + 1);
    for (const auto& [other, holder] : checkpoint.manifest().tensors) {
      if (other.name == stem + "life") {  // counts, not a column
        if (other.dtype == DType::i64 && other.shape == Shape{kLifeNumbers})
          table.life = column_of(checkpoint, other);
        continue;
      }
      const bool of_rows = other.shape.rank() > 0 && other.shape[0] == table.rows;
      if (&other != &keys && of_rows && other.name.starts_with(stem) &&
          other.name.find('.', stem.size()) == std::string::npos)
        table.columns.push_back(column_of(checkpoint, other));
    }
    std::ranges::sort(table.columns, {}, [](const StoredColumn& c) { return c.meta->name; });
    tables.push_back(std::move(table));
  }
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
