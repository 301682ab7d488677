#include "checkpoint/compare_tables.h"

#include "checkpoint/compare_values.h"

namespace trireme {
namespace {

struct ColumnPair {
  const StoredColumn *a, *b;
  TensorDifference difference;
};

std::vector<ColumnPair> columns_of_both(const StoredTable& a, const StoredTable& b) {
  std::vector<ColumnPair> pairs;
  for (const StoredColumn& x : a.columns)
    for (const StoredColumn& y : b.columns)
      if (x.name == y.name && x.dtype == y.dtype && x.width == y.width)
        pairs.push_back({&x, &y, {x.name, "values", 0, 0, 0, 0}});
  return pairs;
}

const StoredTable* find(const std::vector<StoredTable>& tables, const std::string& name) {
  for (const StoredTable& table : tables)
    if (table.name == name) return &table;
  return nullptr;
}

TableDifference difference_of(const StoredTable& a, const StoredTable& b) {
  TableDifference d;
  d.name = a.name;
  const StoredColumn *x = a.find(".rows"), *y = b.find(".rows");
  const bool comparable = x && y && x->dtype == y->dtype && x->width == y->width;
  KeyJoin keys(a, b);
  while (const auto pair = keys.next()) {
    if (pair->a < 0) ++d.only_in_b;
    if (pair->b < 0) ++d.only_in_a;
    if (pair->a < 0 || pair->b < 0) continue;
    ++d.both;
    if (!comparable) continue;
    TensorDifference row;
    compare_values(x->dtype, x->row(pair->a), y->row(pair->b), row);
    if (row.differing == 0) continue;
    if (d.differing++ == 0 || row.max_absolute > d.max_absolute) {
      d.max_absolute = row.max_absolute;
      d.key = pair->key;
    }
  }
  return d;
}

}  // namespace

std::vector<TensorDifference> compare_tables(const StoredTable& a, const StoredTable& b,
                                             std::vector<std::string>& compared) {
  std::vector<ColumnPair> columns = columns_of_both(a, b);
  TensorDifference keys{a.keys.name, "keys", 0, 0, 0, 0};
  KeyJoin join(a, b);
  while (const auto pair = join.next()) {
    ++keys.elements;
    if (pair->a < 0 || pair->b < 0) {
      ++keys.differing;
      continue;
    }
    for (ColumnPair& column : columns)
      compare_values(column.a->dtype, column.a->row(pair->a), column.b->row(pair->b),
                     column.difference);
  }
  std::vector<TensorDifference> found;
  compared.push_back(keys.name);
  if (keys.differing > 0) found.push_back(std::move(keys));
  for (ColumnPair& column : columns) {
    compared.push_back(column.difference.name);
    if (column.difference.differing > 0) found.push_back(std::move(column.difference));
  }
  return found;
}

std::vector<TableDifference> diff_tables(const Path& a, const Path& b) {
  const CheckpointReader left(a, /*verify=*/false), right(b, /*verify=*/false);
  const auto others = stored_tables(right);
  std::vector<TableDifference> found;
  for (const StoredTable& table : stored_tables(left)) {
    const StoredTable* other = find(others, table.name);
    if (!other) continue;
    TableDifference d = difference_of(table, *other);
    if (d.only_in_a + d.only_in_b + d.differing > 0) found.push_back(std::move(d));
  }
  return found;
}

}  // namespace trireme
