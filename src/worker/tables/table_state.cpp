#include "worker/tables/table_state.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "export/tables.h"

namespace trireme {
const TableState::Table& TableState::add_table(const ps::RowTable& rows) {
  tables_.push_back(
      std::make_unique<Table>(Table{&rows, rows.size(), rows.slots(), {rows.row_bytes(), {}}}));
  return *tables_.back();
}

const TableState::Table& TableState::add_table(Images images) {
  const auto count = static_cast<int64_t>(images.rows.size() / images.row_bytes);
  tables_.push_back(std::make_unique<Table>(Table{nullptr, count, 0, std::move(images)}));
  return *tables_.back();
}

void TableState::add(const Table& table, const std::vector<RowColumn>& columns) {
  for (const RowColumn& column : columns) {
    list_.push_back({column.tensor, column.shape(table.count), column.dtype});
    columns_.push_back({&table, column.offset, column.bytes()});
  }
}

void TableState::add(const ps::RowTable& rows, const RowMoments& moments) {
  add(add_table(rows), row_columns(rows.spec(), moments));
}

void TableState::add(const TableSpec& spec, Images images, const RowMoments& moments) {
  add(add_table(std::move(images)), row_columns(spec, moments));
}

void TableState::add_candidates(const TableSpec& spec, const ps::RowTable& candidates) {
  add(add_table(candidates), candidate_columns(spec));
}

void TableState::add_candidates(const TableSpec& spec, Images images) {
  add(add_table(std::move(images)), candidate_columns(spec));
}

void TableState::add_counts(const TableSpec& spec, const ps::LifeCounts& c) {
  list_.push_back({table_tensor(spec, kLifeTensor), Shape{kLifeNumbers}, DType::i64});
  columns_.push_back({nullptr, 0, 0, {c.admitted, c.expired, c.evicted, c.sighted, c.forgotten}});
}

void TableState::capture() {
  for (const auto& table : tables_) {
    const ps::RowTable* rows = std::exchange(table->rows, nullptr);
    if (!rows) continue;
    const size_t size = table->copy.row_bytes;
    table->copy.rows.resize(static_cast<size_t>(table->count) * size);
    std::byte* to = table->copy.rows.data();
    for (const ps::RowId row : rows->by_key(table->slots)) {
      std::memcpy(to, &rows->header(row), size);
      to += size;
    }
  }
}

void TableState::read(const TensorMeta& tensor, std::span<std::byte> out) {
  const auto at = std::find_if(list_.begin(), list_.end(),
                               [&](const TensorMeta& t) { return t.name == tensor.name; });
  const Column& column = columns_[static_cast<size_t>(at - list_.begin())];
  if (!column.table) {
    std::memcpy(out.data(), column.numbers.data(), out.size());
    return;
  }
  const std::byte* from = column.table->copy.rows.data() + column.offset;
  for (std::byte* to = out.data(); to != out.data() + out.size(); to += column.bytes) {
    std::memcpy(to, from, column.bytes);
    from += column.table->copy.row_bytes;
  }
}

}  // namespace trireme
