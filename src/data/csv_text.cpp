#include "data/csv_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace trireme {

CsvReader::CsvReader(std::string_view text, char delimiter, std::string file, Place place)
    : text_(text),
      place_(place),
      delimiter_(delimiter),
      file_(std::move(file)),
      next_line_(place.line) {
  if (place.offset == 0 && text_.starts_with("\xef\xbb\xbf")) at_ = 3;
}

std::string_view CsvReader::quoted_cell() {
  const size_t begin = ++at_;
  bool doubled = false;
  for (;;) {
    at_ = text_.find('"', at_);
    if (at_ == std::string_view::npos) {
      at_ = text_.size();
      if (!place_.last) return {};
      throw DataError(fmt::format("{}:{}: a quoted cell never ends", file_, line_),
                      "close the quote");
    }
    if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;
    doubled = true;
    at_ += 2;
  }
  const std::string_view cell = text_.substr(begin, at_ - begin);
  ++at_;
  next_line_ += std::count(cell.begin(), cell.end(), '\n');
  const bool carriage_return = at_ < text_.size() && text_[at_] == '\r';
  const size_t end = at_ + (carriage_return ? 1 : 0);
  const bool goes_on = end < text_.size() && text_[end] != '\n';
  if (goes_on && (carriage_return || text_[end] != delimiter_)) {
    throw DataError(fmt::format("{}:{}: text after the closing quote of column {}", file_, line_,
                                cells_.size() + 1),
                    "a quote inside a quoted cell is written twice");
  }
  if (!doubled) return cell;
  std::string& plain = unquoted_.emplace_back();
  for (size_t i = 0; i < cell.size(); ++i) {
    plain.push_back(cell[i]);
    if (cell[i] == '"') ++i;
  }
  return plain;
}

std::string_view CsvReader::plain_cell() {
  const size_t begin = at_;
  while (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\n') ++at_;
  std::string_view cell = text_.substr(begin, at_ - begin);
  if (cell.ends_with('\r') && (at_ == text_.size() || text_[at_] == '\n')) cell.remove_suffix(1);
  return cell;
}

// After a cell: true at the end of the line or text, which is consumed; false at a delimiter,
// consumed too.
bool CsvReader::end_of_record() {
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  if (at_ >= text_.size()) {
    cut_ = !place_.last;
    return true;
  }
  if (text_[at_++] == delimiter_) return false;
  ++next_line_;
  return true;
}

void CsvReader::rewind() {
  cells_.clear();
  at_ = begin_;
  next_line_ = line_;
}

bool CsvReader::next() {
  cells_.clear();
  unquoted_.clear();
  while (at_ < text_.size()) {
    line_ = next_line_;
    begin_ = at_;
    do {
      const bool quoted = at_ < text_.size() && text_[at_] == '"';
      cells_.push_back(quoted ? quoted_cell() : plain_cell());
    } while (!end_of_record());
    if (cut_) {
      rewind();
      return false;
    }
    if (cells_.size() > 1 || !cells_[0].empty()) return true;
    cells_.clear();
  }
  return false;
}

char parse_delimiter(const std::string& text) {
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r') return text[0];
  throw ConfigError(fmt::format("data.delimiter is '{}'", text), "use one character, or tab");
}

}  // namespace trireme
