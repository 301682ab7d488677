#include <algorithm>
#include <map>
#include <set>

#include "base/sha256.h"
#include "checkpoint/compare_tables.h"
#include "checkpoint/compare_values.h"
#include "checkpoint/dtype_names.h"

namespace trireme {
namespace {

// Differences of the tables that both have; the names of their tensors go to `compared`.
std::vector<TensorDifference> compare_all_tables(const CheckpointReader& left,
                                                 const CheckpointReader& right,
                                                 std::vector<std::string>& compared) {
  std::vector<TensorDifference> found;
  const auto others = stored_tables(right);
  for (const StoredTable& table : stored_tables(left)) {
    const auto other = std::ranges::find(others, table.name, &StoredTable::name);
    if (other == others.end()) continue;
    for (TensorDifference& d : compare_tables(table, *other, compared))
      found.push_back(std::move(d));
  }
  return found;
}

void hash_column(const StoredColumn& column, int64_t rows, Sha256& hash) {
  if (!column.places) return hash.update(column.parts.front());
  for (int64_t i = 0; i < rows; ++i) hash.update(column.row(i));
}

}  // namespace

std::vector<TensorDifference> diff_checkpoints(const Path& a, const Path& b) {
  const CheckpointReader left(a, /*verify=*/false), right(b, /*verify=*/false);
  std::vector<std::string> compared;
  std::vector<TensorDifference> found = compare_all_tables(left, right, compared);
  std::set<std::string> names;
  for (const CheckpointReader* reader : {&left, &right})
    for (const TensorMeta& t : reader->whole_tensors()) names.insert(t.name);
  for (const std::string& name : compared) names.erase(name);

  for (const std::string& name : names) {
    const TensorMeta* x = left.find_whole(name);
    const TensorMeta* y = right.find_whole(name);
    if (!x || !y) {
      const int64_t n = (x ? x : y)->shape.elements();
      found.push_back({name, x ? "only in A" : "only in B", 0, 0, n, n});
    } else if (x->shape != y->shape || x->dtype != y->dtype || left.parts(name) > 1 ||
               right.parts(name) > 1) {  // in parts, and no column of a table
      const int64_t n = x->shape.elements();
      found.push_back({name, "shape", 0, 0, n, n});
    } else {
      TensorDifference d{name, "values", 0, 0, 0, 0};
      compare_values(x->dtype, left.data(*x), right.data(*y), d);
      if (d.differing > 0) found.push_back(std::move(d));
    }
  }
  std::ranges::sort(found, {}, &TensorDifference::name);
  return found;
}

std::string weights_hash(const CheckpointReader& checkpoint) {
  const auto tables = stored_tables(checkpoint);
  std::map<std::string, const StoredColumn*> columns;
  for (const StoredTable& table : tables) {
    columns[table.keys.name] = &table.keys;
    if (const StoredColumn* rows = table.find(".rows")) columns[rows->name] = rows;
  }
  Sha256 hash;
  for (const TensorMeta& t : checkpoint.whole_tensors()) {
    const auto column = columns.find(t.name);
    if (column == columns.end() && !t.name.starts_with("model.")) continue;
    hash.update(t.name + " " + std::string(safetensors_name(t.dtype)) + " " + t.shape.str() + "\n");
    if (column == columns.end())
      hash.update(checkpoint.data(t));
    else
      hash_column(*column->second, t.shape[0], hash);
  }
  return hash.finish().hex();
}

}  // namespace trireme
