#pragma once
// Embedding tables of a checkpoint, read where its files are mapped: table.NAME.keys, .rows and
// whatever else there is of every row, by ascending key, in however many parts they lie.

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace trireme {

inline constexpr int64_t kLifeNumbers = 5;  // of table.NAME.life

// Where each row of a table in several parts lies, by ascending key; 8 bytes a row.
class RowPlaces {
 public:
  struct Place {
    size_t part;
    int64_t row;
  };
  // keys: of each part, ascending int64. Throws FormatError naming `table` where they are not.
  RowPlaces(const std::vector<std::span<const std::byte>>& keys, const std::string& table);
  Place operator[](int64_t i) const {
    const uint64_t place = places_[static_cast<size_t>(i)];
    return {place >> kRowBits, static_cast<int64_t>(place & ((uint64_t{1} << kRowBits) - 1))};
  }

 private:
  static constexpr int kRowBits = 40;
  std::vector<uint64_t> places_;
};

struct StoredColumn {  // table.NAME.SUFFIX
  std::string name;
  DType dtype = DType::f32;
  int64_t width = 1;  // values of a row
  std::vector<std::span<const std::byte>> parts;
  const RowPlaces* places = nullptr;  // null: there is one part, in this order
  size_t row_bytes() const { return static_cast<size_t>(width) * size_of(dtype); }
  size_t bytes() const;
  std::span<const std::byte> row(int64_t i) const {
    const auto [part, row] = places ? (*places)[i] : RowPlaces::Place{0, i};
    return parts[part].subspan(static_cast<size_t>(row) * row_bytes(), row_bytes());
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
  StoredColumn keys;                        // ascending, int64
  std::vector<StoredColumn> columns;        // the others, by name
  StoredColumn life;                        // table.NAME.life, five counts; without parts: none
  std::unique_ptr<const RowPlaces> places;  // the columns'
  const StoredColumn* find(std::string_view suffix) const;
  size_t bytes() const;  // of all
};

// By name; as long as the reader. What is named like a table's and does not go with its keys is
// left out. Reads the manifest, and keys of tables in several parts.
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
