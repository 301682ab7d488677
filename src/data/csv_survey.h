#pragma once
// What a first pass over the rows of CSV files tells: how many there are, what fills gaps, which
// texts occur.

#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/csv_columns.h"
#include "data/raw_data.h"

namespace trireme {

// Texts and how many training rows hold them; looked up without a copy.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TextCounts = std::unordered_map<std::string, int64_t, TextHash, std::equal_to<>>;

struct CsvSurvey {
  int64_t rows = 0;
  std::vector<double> sums;            // by feature: of the numbers that training rows hold
  std::vector<int64_t> numbers;        // by feature: how many these are
  std::vector<TextCounts> categories;  // by feature: training rows; none of numeric ones
  std::vector<TextCounts> ids;         // by id column: training rows; none unless count_ids
  std::vector<int64_t> cut;            // by id column: cells that hold more values than fit
  struct Label {
    int64_t training = 0;  // rows
    std::string place;     // "file:line" of the first one
  };
  std::map<std::string, Label, std::less<>> labels;  // class labels of all rows
  // Rows of one file that are read together.
  struct Block {
    size_t file = 0;
    CsvReader::Place begin;
    uint64_t end = 0;  // byte behind the last row
    int64_t first_row = 0, rows = 0;
  };
  std::vector<Block> blocks;  // all rows, in order
};

// How cells of id columns hold their values.
struct IdCells {
  std::string separator;  // "": one value a cell
  int64_t values = 1;     // most that are kept
  bool count = false;     // the texts are asked for
};

// Calls visit(value, position) for each value of the cell: "" is one, and so is what lies between
// two separators.
template <class Visit>
void for_each_value(std::string_view cell, std::string_view separator, Visit visit) {
  for (int64_t position = 0;; ++position) {
    const size_t end = separator.empty() ? std::string_view::npos : cell.find(separator);
    visit(cell.substr(0, end), position);
    if (end == std::string_view::npos) return;
    cell.remove_prefix(end + separator.size());
  }
}

// Reads every row of every file once. block_rows: of a block; the last of a file may be smaller.
// Throws DataError for whatever cell the layout cannot take.
CsvSurvey survey_csv(std::span<const CsvFile> files, const CsvLayout& layout, const IdCells& ids,
                     const Split& split, int64_t block_rows);

}  // namespace trireme
