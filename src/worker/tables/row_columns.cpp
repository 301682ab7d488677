#include "worker/tables/row_columns.h"

#include <cstddef>

#include "export/tables.h"

namespace trireme {
namespace {

constexpr size_t kKey = offsetof(ps::RowHeader, key),
                 kLastStep = offsetof(ps::RowHeader, last_step),
                 kUpdates = offsetof(ps::RowHeader, updates);

}  // namespace

std::vector<RowColumn> row_columns(const TableSpec& table, const RowMoments& moments) {
  const auto name = [&](std::string_view suffix) { return table_tensor(table, suffix); };
  std::vector<RowColumn> columns = {{name("keys"), 0, DType::i64, kKey},
                                    {name("last_step"), 0, DType::i64, kLastStep},
                                    {name("updates"), 0, DType::i64, kUpdates}};
  size_t offset = sizeof(ps::RowHeader);
  const auto add_floats = [&](std::string_view suffix, int64_t width) {
    columns.push_back({name(suffix), width, DType::f32, offset});
    offset += columns.back().bytes();
  };
  add_floats("rows", table.dim);
  for (const auto& moment : moments) add_floats(moment.name, moment.width);
  return columns;
}

std::vector<RowColumn> candidate_columns(const TableSpec& table) {
  const auto name = [&](const char* suffix) { return table_tensor(table, "candidates.") + suffix; };
  return {{name("keys"), 0, DType::i64, kKey},
          {name("last_step"), 0, DType::i64, kLastStep},
          {name("sightings"), 0, DType::i64, kUpdates}};
}

}  // namespace trireme
