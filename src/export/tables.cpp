#include "export/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace trireme {
namespace {

const HostTensor& find(const std::map<std::string, HostTensor>& weights, const std::string& name) {
  const auto found = weights.find(name);
  if (found == weights.end())
    throw FormatError("the weights lack " + name, "the weights belong to another model");
  return found->second;
}

void check(const TableSpec& spec, const ModelTables::Table& table) {
  const auto fail = [&](const std::string& what) {
    throw FormatError(fmt::format("table {}: {}", spec.name, what),
                      "the weights belong to another model");
  };
  const HostTensor &keys = table.keys, &rows = table.rows;
  if (keys.dtype != DType::i64 || keys.shape.rank() != 1)
    fail(fmt::format("keys are {} {}", name_of(keys.dtype), keys.shape.str()));
  if (rows.dtype != DType::f32 || rows.shape != Shape{keys.shape[0], spec.dim})
    fail(fmt::format("rows are {} {} for {} keys, the model needs float32 {}", name_of(rows.dtype),
                     rows.shape.str(), keys.shape[0], Shape{keys.shape[0], spec.dim}.str()));
  if (std::ranges::adjacent_find(keys.ints(), std::greater_equal<>()) != keys.ints().end())
    fail("keys are not ascending");
}

}  // namespace

std::string table_tensor(const TableSpec& spec, std::string_view suffix) {
  return fmt::format("table.{}.{}", spec.name, suffix);
}

ModelTables::ModelTables(const Graph& graph, const std::map<std::string, HostTensor>& weights) {
  for (const TableSpec& spec : graph.tables()) {
    tables_.push_back(
        {find(weights, table_tensor(spec, "keys")), find(weights, table_tensor(spec, "rows"))});
    check(spec, tables_.back());
  }
}

TableLookup::TableLookup(const Graph& graph, const ModelTables& tables)
    : tables_(tables), uses_(graph.tables().size()), views_(graph.tables().size()) {
  for (const Node& node : graph.nodes()) {
    if (node.table < 0) continue;
    const Shape& ids = graph.node(node.inputs.front()).shape;
    uses_[static_cast<size_t>(node.table)] = {*node.op->table(), ids[0], ids[1], {}, {}};
  }
}

const TableLeaf* TableLookup::find(const int64_t* ids, int64_t samples) {
  for (size_t t = 0; t < uses_.size(); ++t) {
    Use& use = uses_[t];
    const ModelTables::Table& table = tables_.tables()[t];
    use.lookup.build(ids, samples, use.features, use.values, use.use.per_feature);
    use.row_of.resize(use.lookup.keys().size());
    find_rows(use.lookup.keys(), table.keys.ints(), use.row_of);
    views_[t] = {use.lookup.index().data(), use.row_of.data(), table.rows.floats().data(), nullptr};
  }
  return views_.data();
}

}  // namespace trireme
