#include "worker/table_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "export/tables.h"

namespace trireme {
namespace {

Shape shape_of(int64_t count, int64_t width) {
  return width == 0 ? Shape{count} : Shape{count, width};
}

}  // namespace

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

void TableState::add_column(const Table& table, const std::string& name, int64_t width, DType dtype,
                            size_t offset) {
  list_.push_back({name, shape_of(table.count, width), dtype});
  columns_.push_back(
      {&table, offset, static_cast<size_t>(std::max<int64_t>(width, 1)) * size_of(dtype)});
}

void TableState::add(const ps::RowTable& rows, const RowMoments& moments) {
  add_columns(add_table(rows), rows.spec(), moments);
}

void TableState::add(const TableSpec& spec, Images images, const RowMoments& moments) {
  add_columns(add_table(std::move(images)), spec, moments);
}

void TableState::add_columns(const Table& table, const TableSpec& spec, const RowMoments& moments) {
  const auto name = [&](std::string_view suffix) { return table_tensor(spec, suffix); };
  add_column(table, name("keys"), 0, DType::i64, offsetof(ps::RowHeader, key));
  add_column(table, name("last_step"), 0, DType::i64, offsetof(ps::RowHeader, last_step));
  add_column(table, name("updates"), 0, DType::i64, offsetof(ps::RowHeader, updates));
  size_t offset = sizeof(ps::RowHeader);
  const auto add_floats = [&](const std::string& suffix, int64_t width) {
    add_column(table, name(suffix), width, DType::f32, offset);
    offset += static_cast<size_t>(width) * sizeof(float);
  };
  add_floats("rows", spec.dim);
  for (const auto& moment : moments) add_floats(moment.name, moment.width);
}

void TableState::add_candidates(const TableSpec& spec, const ps::RowTable& candidates) {
  add_candidate_columns(add_table(candidates), spec);
}

void TableState::add_candidates(const TableSpec& spec, Images images) {
  add_candidate_columns(add_table(std::move(images)), spec);
}

void TableState::add_candidate_columns(const Table& table, const TableSpec& spec) {
  const auto add = [&](std::string_view suffix, size_t offset) {
    add_column(table, candidate_tensor(spec, suffix), 0, DType::i64, offset);
  };
  add("keys", offsetof(ps::RowHeader, key));
  add("last_step", offsetof(ps::RowHeader, last_step));
  add("sightings", offsetof(ps::RowHeader, updates));
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
