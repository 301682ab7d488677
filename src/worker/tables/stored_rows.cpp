#include "worker/tables/stored_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/mapped_pages.h"
#include "checkpoint/parts.h"
#include "export/tables.h"

namespace trireme {
namespace {

constexpr const char* kSameFile = "resume with the experiment file that started the run";

// The tensor, or part of one, as it lies in its file; empty where there is none.
std::span<const std::byte> find(const CheckpointReader& checkpoint, const std::string& name,
                                const Shape& shape, DType dtype) {
  const TensorMeta* meta = checkpoint.find(name);
  if (!meta) return {};
  if (meta->shape != shape || meta->dtype != dtype)
    throw FormatError(fmt::format("{}: {} is {} {} in the checkpoint, this experiment needs {} {}",
                                  checkpoint.path().string(), name, name_of(meta->dtype),
                                  meta->shape.str(), name_of(dtype), shape.str()),
                      kSameFile);
  return checkpoint.data(*meta);
}

void require(const CheckpointReader& checkpoint, const std::string& name) {
  if (checkpoint.parts(name) == 0)
    throw FormatError(
        fmt::format("{}: the checkpoint has no {}", checkpoint.path().string(), name));
}

// Of a tensor of keys, or a part of it.
int64_t rows_in(const CheckpointReader& checkpoint, const TensorMeta* keys,
                const std::string& table) {
  if (!keys || keys->shape.rank() != 1)
    throw FormatError(
        fmt::format("{}: the checkpoint has no table {}", checkpoint.path().string(), table),
        kSameFile);
  return keys->shape[0];
}

// Values of a mapped file, of any alignment.
int64_t number_at(std::span<const std::byte> bytes, int64_t i) {
  int64_t value;
  std::memcpy(&value, bytes.data() + static_cast<size_t>(i) * sizeof value, sizeof value);
  return value;
}

// What a row has that the checkpoint says nothing of.
std::vector<std::byte> prototype_of(int64_t dim, const ps::RowState& state) {
  std::vector<std::byte> row(ps::RowTable::row_bytes(dim, state));
  const ps::RowHeader header;
  std::memcpy(row.data(), &header, sizeof header);
  const std::vector<float> initial(static_cast<size_t>(state.floats), state.initial);
  const auto bytes = std::as_bytes(std::span(initial));
  std::ranges::copy(bytes, row.end() - static_cast<std::ptrdiff_t>(bytes.size()));
  return row;
}

}  // namespace

class StoredParts {
 public:
  StoredParts(const CheckpointReader& checkpoint, const TableSpec& table,
              std::vector<RowColumn> columns, std::vector<std::byte> prototype)
      : checkpoint_(checkpoint),
        table_(table.name),
        columns_(std::move(columns)),
        prototype_(std::move(prototype)) {}

  std::vector<StoredRows> all() const {
    std::vector<StoredRows> rows;
    const int parts = checkpoint_.parts(columns_.front().tensor);
    for (int part = 0; part < parts; ++part) rows.push_back(one(part, parts));
    return rows;
  }

 private:
  StoredRows one(int part, int parts) const {
    StoredRows rows(checkpoint_.path().string(), table_, prototype_);
    const auto name = [&](const RowColumn& c) { return part_name(c.tensor, part, parts); };
    rows.count_ = rows_in(checkpoint_, checkpoint_.find(name(columns_.front())), table_);
    for (const RowColumn& c : columns_) {
      const auto bytes = find(checkpoint_, name(c), c.shape(rows.count_), c.dtype);
      if (!bytes.empty()) rows.columns_.push_back({bytes, c.bytes(), c.offset});
    }
    return rows;
  }

  const CheckpointReader& checkpoint_;
  const std::string table_;
  const std::vector<RowColumn> columns_;
  const std::vector<std::byte> prototype_;
};

std::vector<StoredRows> stored_rows(const CheckpointReader& checkpoint, const TableSpec& spec,
                                    const RowMoments& moments, const ps::RowState& state) {
  require_table(checkpoint, spec);
  return StoredParts(checkpoint, spec, row_columns(spec, moments), prototype_of(spec.dim, state))
      .all();
}

std::vector<StoredRows> stored_candidates(const CheckpointReader& checkpoint,
                                          const TableSpec& spec) {
  const std::vector<RowColumn> columns = candidate_columns(spec);
  if (checkpoint.parts(columns.front().tensor) == 0) return {};
  for (const RowColumn& column : columns) require(checkpoint, column.tensor);
  return StoredParts(checkpoint, spec, columns, prototype_of(0, {})).all();
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

void StoredRows::forget(int64_t first, int64_t last) const noexcept {
  for (const Column& c : columns_)
    forget_pages(c.bytes.subspan(static_cast<size_t>(first) * c.of_row,
                                 static_cast<size_t>(last - first) * c.of_row));
}

void restore_rows(std::span<const StoredRows> parts, ps::RowTable& table) {
  std::vector<std::byte> row(table.row_bytes());
  int64_t all = table.size();
  for (const StoredRows& rows : parts) {
    for (int64_t i = 0; i < rows.size(); ++i) {
      rows.copy(i, row.data());
      table.put(row.data());
    }
    all += rows.size();
  }
  if (table.size() != all)
    throw FormatError(fmt::format("table {}: {} keys of the checkpoint are in two of its {} parts",
                                  table.spec().name, all - table.size(), parts.size()),
                      "use another checkpoint of the run");
}

ps::LifeCounts restored_counts(const CheckpointReader& checkpoint, const TableSpec& spec) {
  const auto numbers =
      find(checkpoint, table_tensor(spec, kLifeTensor), Shape{kLifeNumbers}, DType::i64);
  if (numbers.empty())
    return {.admitted =
                rows_in(checkpoint, checkpoint.find_whole(table_tensor(spec, "keys")), spec.name)};
  const auto number = [&](int64_t i) { return number_at(numbers, i); };
  return {.admitted = number(0),
          .expired = number(1),
          .evicted = number(2),
          .sighted = number(3),
          .forgotten = number(4)};
}

void require_table(const CheckpointReader& checkpoint, const TableSpec& spec) {
  const std::string keys = table_tensor(spec, "keys"), rows = table_tensor(spec, "rows");
  const int64_t n = rows_in(checkpoint, checkpoint.find_whole(keys), spec.name);
  require(checkpoint, rows);
  for (const auto& [name, shape, dtype] :
       {TensorMeta{keys, Shape{n}, DType::i64}, TensorMeta{rows, Shape{n, spec.dim}, DType::f32}}) {
    const TensorMeta& stored = *checkpoint.find_whole(name);
    if (stored.shape == shape && stored.dtype == dtype &&
        checkpoint.parts(name) == checkpoint.parts(keys))
      continue;
    throw FormatError(fmt::format("{}: {} is {} {} in the checkpoint, this experiment needs {} {}",
                                  checkpoint.path().string(), name, name_of(stored.dtype),
                                  stored.shape.str(), name_of(dtype), shape.str()),
                      kSameFile);
  }
}

}  // namespace trireme
