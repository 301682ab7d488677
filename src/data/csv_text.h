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
  // Where a text lies in its file: its first byte, the line that this is on, and whether the file
  // ends with it.
  struct Place {
    uint64_t offset = 0;
    int64_t line = 1;
    bool last = true;
  };
  // `text` outlives the reader. `file` is for messages.
  CsvReader(std::string_view text, char delimiter, std::string file)
      : CsvReader(text, delimiter, std::move(file), Place{}) {}
  CsvReader(std::string_view text, char delimiter, std::string file, Place place);
  // The next record; false at the end. Of a text that is not the file's last, a record that its end
  // may cut is none: place() is where the next text begins. Throws DataError for a quote that never
  // closes, or text after one.
  bool next();
  const std::vector<std::string_view>& cells() const { return cells_; }  // valid until next()
  int64_t line() const { return line_; }  // where the record begins, from 1
  const std::string& file() const { return file_; }
  Place record() const { return {place_.offset + begin_, line_, place_.last}; }
  Place place() const { return {place_.offset + at_, next_line_, place_.last}; }  // behind it

 private:
  std::string_view quoted_cell();
  std::string_view plain_cell();
  bool end_of_record();
  void rewind();

  std::string_view text_;
  Place place_;
  size_t at_ = 0, begin_ = 0;  // of what is unread, of the record
  bool cut_ = false;           // the text ends before the record is known to
  char delimiter_;
  std::string file_;
  int64_t line_ = 0, next_line_;
  std::vector<std::string_view> cells_;
  std::deque<std::string> unquoted_;  // cells with doubled quotes
};

// data.delimiter as a character: "," ";" "|" "tab" ... Throws ConfigError otherwise.
char parse_delimiter(const std::string& text);

}  // namespace trireme
