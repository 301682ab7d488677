#pragma once
// Embedding tables of a checkpoint, read where its files are mapped: table.NAME.keys, .rows and
// whatever else there is of every row.

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace trireme {

inline constexpr int64_t kLifeNumbers = 5;  // of table.NAME.life

struct StoredColumn {  // table.NAME.SUFFIX
  const TensorMeta* meta = nullptr;
  std::span<const std::byte> bytes;
  int64_t width = 1;  // values of a row
  size_t row_bytes() const { return static_cast<size_t>(width) * size_of(meta->dtype); }
  std::span<const std::byte> row(int64_t i) const {
    return bytes.subspan(static_cast<size_t>(i) * row_bytes(), row_bytes());
  }
  // Requires DType::i64.
  int64_t integer(int64_t i) const {
    int64_t value;
    std::memcpy(&value, row(i).data(), sizeof value);
    return value;
  }
};

struct StoredTable {
  std::string name;
  int64_t rows = 0;
  StoredColumn keys;                  // ascending, int64
  std::vector<StoredColumn> columns;  // the others, by name
  StoredColumn life;                  // table.NAME.life, five counts; without bytes: none
  const StoredColumn* find(std::string_view suffix) const;
  size_t bytes() const;  // of all
};

// By name; as long as the reader. What is named like a table's and does not go with its keys is
// left out. Reads nothing but the manifest.
std::vector<StoredTable> stored_tables(const CheckpointReader& checkpoint);

// Keys of two tables side by side, ascending.
struct KeyPair {
  int64_t key = 0;
  int64_t a = -1, b = -1;  // rows; -1: not there
};
class KeyJoin {
 public:
  KeyJoin(const StoredTable& a, const StoredTable& b) : a_(a), b_(b) {}
  // Throws FormatError where keys are not ascending.
  std::optional<KeyPair> next();

 private:
  const StoredTable &a_, &b_;
  int64_t i_ = 0, j_ = 0;
};

}  // namespace trireme
