#pragma once
// Records of delimiter-separated text (RFC 4180): quoted cells may hold the delimiter, doubled
// quotes and line ends; lines end in LF or CRLF; empty lines are skipped; a byte order mark is
// ignored.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace trireme {

class CsvReader {
 public:
  // `text` outlives the reader. `file` is for messages.
  CsvReader(std::string_view text, char delimiter, std::string file);
  // The next record; false at the end. Throws DataError for a quote that never closes, or text
  // after one.
  bool next();
  const std::vector<std::string_view>& cells() const { return cells_; }  // valid until next()
  int64_t line() const { return line_; }  // where the record begins, from 1
  const std::string& file() const { return file_; }

 private:
  std::string_view quoted_cell();
  std::string_view plain_cell();
  bool end_of_record();

  std::string_view text_;
  size_t at_ = 0;
  char delimiter_;
  std::string file_;
  int64_t line_ = 0, next_line_ = 1;
  std::vector<std::string_view> cells_;
  std::deque<std::string> unquoted_;  // cells with doubled quotes
};

// data.delimiter as a character: "," ";" "|" "tab" ... Throws ConfigError otherwise.
char parse_delimiter(const std::string& text);

}  // namespace trireme
