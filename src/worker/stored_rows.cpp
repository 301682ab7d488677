#include "worker/stored_rows.h"

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

std::span<const std::byte> require(const CheckpointReader& checkpoint, const std::string& name,
                                   const Shape& shape, DType dtype) {
  if (!checkpoint.find(name))
    throw FormatError(
        fmt::format("{}: the checkpoint has no {}", checkpoint.path().string(), name));
  return find(checkpoint, name, shape, dtype);
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
int64_t number_at(std::span<const std::byte> bytes, int64_t i) {
  int64_t value;
  std::memcpy(&value, bytes.data() + static_cast<size_t>(i) * sizeof value, sizeof value);
  return value;
}

}  // namespace

std::string candidate_tensor(const TableSpec& spec, std::string_view suffix) {
  return fmt::format("{}.{}", table_tensor(spec, "candidates"), suffix);
}

StoredRows::StoredRows(const CheckpointReader& checkpoint, std::string table)
    : where_(checkpoint.path().string()), table_(std::move(table)) {
  const ps::RowHeader header;
  prototype_.resize(sizeof header);
  std::memcpy(prototype_.data(), &header, sizeof header);
}

void StoredRows::add(std::span<const std::byte> bytes, size_t of_row, size_t offset) {
  if (!bytes.empty()) columns_.push_back({bytes, of_row, offset});
}

StoredRows::StoredRows(const CheckpointReader& checkpoint, const TableSpec& spec,
                       const RowMoments& moments, const ps::RowState& state)
    : StoredRows(checkpoint, spec.name) {
  require_table(checkpoint, spec);
  count_ = rows_in(checkpoint, spec);
  const auto column = [&](std::string_view suffix, int64_t width, DType dtype) {
    return find(checkpoint, table_tensor(spec, suffix), shape_of(count_, width), dtype);
  };
  for (const auto& [suffix, offset] : {std::pair{"keys", offsetof(ps::RowHeader, key)},
                                       std::pair{"last_step", offsetof(ps::RowHeader, last_step)},
                                       std::pair{"updates", offsetof(ps::RowHeader, updates)}})
    add(column(suffix, 0, DType::i64), sizeof(int64_t), offset);
  size_t offset = sizeof(ps::RowHeader);
  const auto add_floats = [&](std::string_view suffix, int64_t width) {
    const size_t bytes = static_cast<size_t>(width) * sizeof(float);
    add(column(suffix, width, DType::f32), bytes, offset);
    offset += bytes;
  };
  add_floats("rows", spec.dim);
  const std::vector<float> initial(static_cast<size_t>(state.floats), state.initial);
  prototype_.resize(offset + initial.size() * sizeof(float));
  if (!initial.empty())
    std::memcpy(&prototype_[offset], initial.data(), initial.size() * sizeof(float));
  for (const auto& moment : moments) add_floats(moment.name, moment.width);
}

StoredRows StoredRows::candidates(const CheckpointReader& checkpoint, const TableSpec& spec) {
  StoredRows rows(checkpoint, spec.name);
  const TensorMeta* keys = checkpoint.find(candidate_tensor(spec, "keys"));
  if (!keys) return rows;
  rows.count_ = keys->shape.rank() == 1 ? keys->shape[0] : 0;
  for (const auto& [suffix, offset] : {std::pair{"keys", offsetof(ps::RowHeader, key)},
                                       std::pair{"last_step", offsetof(ps::RowHeader, last_step)},
                                       std::pair{"sightings", offsetof(ps::RowHeader, updates)}})
    rows.add(require(checkpoint, candidate_tensor(spec, suffix), Shape{rows.count_}, DType::i64),
             sizeof(int64_t), offset);
  return rows;
}

int64_t StoredRows::key(int64_t i) const { return number_at(columns_.front().bytes, i); }

void StoredRows::copy(int64_t i, std::byte* out) const {
  if (i > 0 && key(i) <= key(i - 1))
    throw FormatError(
        fmt::format("{}: the keys of table {} are not ascending at {}", where_, table_, i));
  std::ranges::copy(prototype_, out);
  for (const Column& column : columns_)
    std::memcpy(out + column.offset, column.bytes.data() + static_cast<size_t>(i) * column.of_row,
                column.of_row);
}

void restore_rows(const StoredRows& rows, ps::RowTable& table) {
  std::vector<std::byte> row(table.row_bytes());
  for (int64_t i = 0; i < rows.size(); ++i) {
    rows.copy(i, row.data());
    table.put(row.data());
  }
}

ps::LifeCounts restored_counts(const CheckpointReader& checkpoint, const TableSpec& spec) {
  const auto numbers =
      find(checkpoint, table_tensor(spec, kLifeTensor), Shape{kLifeNumbers}, DType::i64);
  if (numbers.empty()) return {.admitted = rows_in(checkpoint, spec)};
  const auto number = [&](int64_t i) { return number_at(numbers, i); };
  return {.admitted = number(0),
          .expired = number(1),
          .evicted = number(2),
          .sighted = number(3),
          .forgotten = number(4)};
}

void require_table(const CheckpointReader& checkpoint, const TableSpec& spec) {
  const int64_t n = rows_in(checkpoint, spec);
  (void)require(checkpoint, table_tensor(spec, "keys"), Shape{n}, DType::i64);
  (void)require(checkpoint, table_tensor(spec, "rows"), Shape{n, spec.dim}, DType::f32);
}

}  // namespace trireme
