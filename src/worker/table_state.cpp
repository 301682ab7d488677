#include "worker/table_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "export/tables.h"

namespace trireme {
namespace {

Shape shape_of(int64_t count, int64_t width) {
  return width == 0 ? Shape{count} : Shape{count, width};
}

// The checkpoint's tensor as it lies in its file, or empty where there is none.
std::span<const std::byte> find(const CheckpointReader& checkpoint, const std::string& name,
                                const Shape& shape, DType dtype) {
  const TensorMeta* meta = checkpoint.find(name);
  if (!meta) return {};
  if (meta->shape != shape || meta->dtype != dtype)
    throw FormatError(fmt::format("{}: {} is {} {} in the checkpoint, this experiment needs {} {}",
                                  checkpoint.path().string(), name, name_of(meta->dtype),
                                  meta->shape.str(), name_of(dtype), shape.str()),
                      "resume with the experiment file that started the run");
  return checkpoint.data(*meta);
}

constexpr std::string_view kLife = "life";
constexpr int64_t kLifeNumbers = 5;

std::string candidate_tensor(const TableSpec& spec, std::string_view suffix) {
  return fmt::format("{}.{}", table_tensor(spec, "candidates"), suffix);
}

int64_t rows_in(const CheckpointReader& checkpoint, const TableSpec& spec) {
  const TensorMeta* keys = checkpoint.find(table_tensor(spec, "keys"));
  if (!keys || keys->shape.rank() != 1)
    throw FormatError(
        fmt::format("{}: the checkpoint has no table {}", checkpoint.path().string(), spec.name),
        "resume with the experiment file that started the run");
  return keys->shape[0];
}

// Values of a mapped file, of any alignment.
template <class T>
T value_at(std::span<const std::byte> bytes, int64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

// The i-th of a tensor of ascending keys.
ps::RowId restore_row(const CheckpointReader& checkpoint, std::span<const std::byte> keys,
                      int64_t i, ps::RowTable& table) {
  const auto key = value_at<int64_t>(keys, i);
  if (i > 0 && key <= value_at<int64_t>(keys, i - 1))
    throw FormatError(fmt::format("{}: the keys of table {} are not ascending at {}",
                                  checkpoint.path().string(), table.spec().name, i));
  ps::RowId row;
  table.find_or_create(std::span(&key, 1), std::span(&row, 1));
  return row;
}

}  // namespace

const TableState::Table& TableState::add_table(const ps::RowTable& rows) {
  const auto floats = static_cast<size_t>(rows.dim() + rows.row_state().floats);
  tables_.push_back(std::make_unique<Table>(
      Table{&rows, rows.size(), rows.slots(), sizeof(ps::RowHeader) + floats * sizeof(float), {}}));
  return *tables_.back();
}

void TableState::add_column(const Table& table, const std::string& name, int64_t width, DType dtype,
                            size_t offset) {
  list_.push_back({name, shape_of(table.count, width), dtype});
  columns_.push_back(
      {&table, offset, static_cast<size_t>(std::max<int64_t>(width, 1)) * size_of(dtype)});
}

void TableState::add(const ps::RowTable& rows, const RowMoments& moments) {
  const Table& table = add_table(rows);
  const auto name = [&](std::string_view suffix) { return table_tensor(rows.spec(), suffix); };
  add_column(table, name("keys"), 0, DType::i64, offsetof(ps::RowHeader, key));
  add_column(table, name("last_step"), 0, DType::i64, offsetof(ps::RowHeader, last_step));
  add_column(table, name("updates"), 0, DType::i64, offsetof(ps::RowHeader, updates));
  size_t offset = sizeof(ps::RowHeader);
  const auto add_floats = [&](const std::string& suffix, int64_t width) {
    add_column(table, name(suffix), width, DType::f32, offset);
    offset += static_cast<size_t>(width) * sizeof(float);
  };
  add_floats("rows", rows.dim());
  for (const auto& moment : moments) add_floats(moment.name, moment.width);
}

void TableState::add_candidates(const TableSpec& spec, const ps::RowTable& candidates) {
  const Table& table = add_table(candidates);
  const auto add = [&](std::string_view suffix, size_t offset) {
    add_column(table, candidate_tensor(spec, suffix), 0, DType::i64, offset);
  };
  add("keys", offsetof(ps::RowHeader, key));
  add("last_step", offsetof(ps::RowHeader, last_step));
  add("sightings", offsetof(ps::RowHeader, updates));
}

void TableState::add_counts(const TableSpec& spec, const ps::LifeCounts& c) {
  list_.push_back({table_tensor(spec, kLife), Shape{kLifeNumbers}, DType::i64});
  columns_.push_back({nullptr, 0, 0, {c.admitted, c.expired, c.evicted, c.sighted, c.forgotten}});
}

void TableState::capture() {
  for (const auto& table : tables_) {
    table->copy.resize(static_cast<size_t>(table->count) * table->row_bytes);
    std::byte* to = table->copy.data();
    for (const ps::RowId row : table->rows->by_key(table->slots)) {
      std::memcpy(to, &table->rows->header(row), table->row_bytes);
      to += table->row_bytes;
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
  const std::byte* from = column.table->copy.data() + column.offset;
  for (std::byte* to = out.data(); to != out.data() + out.size(); to += column.bytes) {
    std::memcpy(to, from, column.bytes);
    from += column.table->row_bytes;
  }
}

void require_table(const CheckpointReader& checkpoint, const TableSpec& spec) {
  const int64_t n = rows_in(checkpoint, spec);
  (void)find(checkpoint, table_tensor(spec, "keys"), Shape{n}, DType::i64);
  const std::string rows = table_tensor(spec, "rows");
  if (!checkpoint.find(rows))
    throw FormatError(
        fmt::format("{}: the checkpoint has no {}", checkpoint.path().string(), rows));
  (void)find(checkpoint, rows, Shape{n, spec.dim}, DType::f32);
}

void restore_table(const CheckpointReader& checkpoint, const RowMoments& moments,
                   ps::RowTable& table) {
  const TableSpec& spec = table.spec();
  require_table(checkpoint, spec);
  const int64_t n = rows_in(checkpoint, spec);
  const auto column = [&](std::string_view suffix, int64_t width, DType dtype) {
    return find(checkpoint, table_tensor(spec, suffix), shape_of(n, width), dtype);
  };
  const auto keys = column("keys", 0, DType::i64), steps = column("last_step", 0, DType::i64),
             updates = column("updates", 0, DType::i64),
             rows = column("rows", spec.dim, DType::f32);
  std::vector<std::span<const std::byte>> states;
  for (const auto& moment : moments)
    states.push_back(column(moment.name, moment.width, DType::f32));
  const auto row_bytes = static_cast<size_t>(spec.dim) * sizeof(float);
  for (int64_t i = 0; i < n; ++i) {
    const ps::RowId row = restore_row(checkpoint, keys, i, table);
    if (!steps.empty()) table.header(row).last_step = value_at<int64_t>(steps, i);
    if (!updates.empty()) table.header(row).updates = value_at<int64_t>(updates, i);
    std::memcpy(table.weights(row), rows.data() + static_cast<size_t>(i) * row_bytes, row_bytes);
    float* state = table.state(row);
    for (size_t m = 0; m < moments.size(); state += moments[m++].width) {
      const size_t bytes = static_cast<size_t>(moments[m].width) * sizeof(float);
      if (!states[m].empty())
        std::memcpy(state, states[m].data() + static_cast<size_t>(i) * bytes, bytes);
    }
  }
}

void restore_candidates(const CheckpointReader& checkpoint, const TableSpec& spec,
                        ps::RowTable& candidates) {
  const TensorMeta* meta = checkpoint.find(candidate_tensor(spec, "keys"));
  if (!meta) return;
  const Shape shape = shape_of(meta->shape.rank() == 1 ? meta->shape[0] : 0, 0);
  const auto column = [&](std::string_view suffix) {
    const std::string name = candidate_tensor(spec, suffix);
    const auto bytes = find(checkpoint, name, shape, DType::i64);
    if (!checkpoint.find(name))
      throw FormatError(
          fmt::format("{}: the checkpoint has no {}", checkpoint.path().string(), name));
    return bytes;
  };
  const auto keys = column("keys"), steps = column("last_step"), sightings = column("sightings");
  for (int64_t i = 0; i < shape[0]; ++i) {
    ps::RowHeader& header = candidates.header(restore_row(checkpoint, keys, i, candidates));
    header.last_step = value_at<int64_t>(steps, i);
    header.updates = value_at<int64_t>(sightings, i);
  }
}

ps::LifeCounts restored_counts(const CheckpointReader& checkpoint, const TableSpec& spec) {
  const auto numbers = find(checkpoint, table_tensor(spec, kLife), Shape{kLifeNumbers}, DType::i64);
  if (numbers.empty()) return {.admitted = rows_in(checkpoint, spec)};
  const auto number = [&](int64_t i) { return value_at<int64_t>(numbers, i); };
  return {.admitted = number(0),
          .expired = number(1),
          .evicted = number(2),
          .sighted = number(3),
          .forgotten = number(4)};
}

}  // namespace trireme
