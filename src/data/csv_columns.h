#pragma once
// The columns of CSV files that an experiment uses: where they are, and their cells as numbers and
// texts.

#include <optional>
#include <string>
#include <vector>

#include "data/csv_file.h"

namespace trireme {

// What to take from a file.
struct CsvLayout {
  struct Feature {
    std::string name;
    bool categorical = false;
    bool may_miss = true;  // an empty numeric cell is allowed
    bool log = false;      // log(1 + max(0, x)) instead of x
  };
  std::vector<Feature> features;
  std::vector<std::string> ids;  // columns whose cells become ids
  std::string label, weight;     // "" none
  bool real_target = false;      // the label is a number to predict
  bool header = true;
};

// The names in the first line; without a header "0", "1", ... Throws DataError for a file without
// lines, or a name that is not UTF-8.
std::vector<std::string> column_names(const CsvFile& file, bool header);

// A column by its name, else by its index. Throws DataError with the nearest name; `what` is the
// config key.
size_t find_column(const std::vector<std::string>& names, const std::string& wanted,
                   const std::string& what, const std::string& file);

// All columns that `wanted` names, in that order: find_column for each, but FIRST-LAST, where no
// column is called that, are all from one to the other.
std::vector<size_t> find_columns(const std::vector<std::string>& names,
                                 const std::vector<std::string>& wanted, const std::string& what,
                                 const std::string& file);

// Throws DataError naming the line of a text that is not UTF-8: names, categories and classes go
// into checkpoints and exports, whose text is UTF-8.
void require_utf8(std::string_view text, const CsvReader& at);

// The layout's cells of one file's records. Names are found in the file's own header.
class CsvRow {
 public:
  CsvRow(const CsvLayout& layout, std::vector<std::string> names, const std::string& file);
  // Moves to the reader's record. Throws DataError for another number of cells than names.
  void at(const CsvReader& reader);

  // What follows throws DataError with file:line and column.
  float number(size_t feature) const;  // NaN: missing, where it may; the log, where one is taken
  std::string_view text(size_t feature) const { return cell(features_[feature]); }
  std::string_view id(size_t feature) const { return cell(ids_[feature]); }
  std::string_view label() const;  // not empty
  float target() const;
  float weight() const;  // not negative; 1 without a column
  const CsvReader& reader() const { return *reader_; }

 private:
  std::string_view cell(size_t column) const;
  std::string place(size_t column) const;
  float parse(size_t column) const;

  const CsvLayout& layout_;
  std::vector<std::string> names_;
  std::vector<size_t> features_, ids_;
  std::optional<size_t> label_, weight_;
  const CsvReader* reader_ = nullptr;
};

// Calls visit(row) for each row of the file behind its header. Throws DataError: no rows, and as
// CsvRow and CsvReader do.
void for_each_row(const CsvFile& file, const CsvLayout& layout,
                  const std::function<void(const CsvRow&)>& visit);

}  // namespace trireme
