#pragma once
// The columns of CSV files that an experiment uses, parsed; categories and labels still as text.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "data/csv_text.h"

namespace trireme {

// Distinct texts of a column, numbered by first appearance.
class Dictionary {
 public:
  uint32_t code(std::string_view text, const CsvReader& at);
  const std::vector<std::string>& texts() const { return texts_; }
  const std::string& place(size_t code) const {
    return places_[code];
  }  // "file:line" of the first one

 private:
  std::map<std::string, uint32_t, std::less<>> codes_;
  std::vector<std::string> texts_, places_;
};

// What to take from a file.
struct CsvLayout {
  struct Feature {
    std::string name;
    bool categorical = false;
    bool may_miss = true;  // an empty numeric cell is allowed
  };
  std::vector<Feature> features;
  std::string label, weight;  // "" none
  bool real_target = false;   // the label is a number to predict
  bool header = true;
  char delimiter = ',';
};

struct CsvTable {
  int64_t rows = 0;
  std::vector<std::vector<float>> numbers;   // by feature; empty for categorical ones; NaN: missing
  std::vector<std::vector<uint32_t>> codes;  // by feature; empty for numeric ones
  std::vector<Dictionary> dictionaries;      // by feature
  Dictionary labels;
  std::vector<uint32_t> label_codes;
  std::vector<float> targets, weights;
};

// The names in the first line; without a header "0", "1", ...
std::vector<std::string> column_names(const Path& path, char delimiter, bool header);

// A column by its name, else by its index. Throws DataError with the nearest name; `what` is the
// config key.
size_t find_column(const std::vector<std::string>& names, const std::string& wanted,
                   const std::string& what, const std::string& file);

// Parses all rows of all files, in order. Columns are found by name in each file's own header.
// Throws DataError with file:line: another number of cells, a cell that is no number, a missing
// value or weight, no rows.
CsvTable parse_csv(const std::vector<Path>& paths, const CsvLayout& layout);

}  // namespace trireme
