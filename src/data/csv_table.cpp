#include "data/csv_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "data/files.h"

namespace trireme {
namespace {

// Names, categories and classes go into checkpoints and exports, whose text is UTF-8.
void require_utf8(std::string_view text, const CsvReader& at) {
  if (not_utf8(text) == std::string_view::npos) return;
  throw DataError(fmt::format("{}:{}: '{}' is not UTF-8", at.file(), at.line(), text),
                  "convert the file, as iconv -f ISO-8859-1 -t UTF-8 does for Latin-1");
}

// Of the line that the reader is at.
std::vector<std::string> names_of(const CsvReader& reader, bool header) {
  std::vector<std::string> names;
  for (size_t i = 0; i < reader.cells().size(); ++i) {
    const std::string_view name = trim(reader.cells()[i]);
    if (header) require_utf8(name, reader);
    names.push_back(header ? std::string(name) : std::to_string(i));
  }
  return names;
}

// Where in a file's rows the layout's columns are.
struct Positions {
  std::vector<size_t> features;
  std::optional<size_t> label, weight;
};
Positions positions(const std::vector<std::string>& names, const CsvLayout& layout,
                    const std::string& file) {
  Positions p;
  for (const auto& f : layout.features)
    p.features.push_back(find_column(names, f.name, "the feature", file));
  if (!layout.label.empty()) p.label = find_column(names, layout.label, "data.label", file);
  if (!layout.weight.empty()) p.weight = find_column(names, layout.weight, "data.weight", file);
  return p;
}

// One file's rows, appended to a table.
class RowParser {
 public:
  RowParser(CsvReader& reader, const CsvLayout& layout, std::vector<std::string> names,
            CsvTable& table)
      : reader_(reader),
        layout_(layout),
        names_(std::move(names)),
        at_(positions(names_, layout, reader.file())),
        table_(table) {}

  void row() {
    if (reader_.cells().size() != names_.size()) {
      throw DataError(fmt::format("{}:{}: {} cells, but the first line has {}", reader_.file(),
                                  reader_.line(), reader_.cells().size(), names_.size()),
                      "is data.delimiter right, and is text with delimiters quoted?");
    }
    for (size_t f = 0; f < layout_.features.size(); ++f) feature(f);
    if (at_.label) label(*at_.label);
    if (at_.weight) weight(*at_.weight);
    ++table_.rows;
  }

 private:
  std::string_view cell(size_t column) const { return trim(reader_.cells()[column]); }

  std::string place(size_t column) const {
    return fmt::format("{}:{}: column {}", reader_.file(), reader_.line(), names_[column]);
  }

  float number(size_t column) const {
    const auto value = parse_double(cell(column));
    if (!value || !std::isfinite(*value)) {
      throw DataError(fmt::format("{} holds '{}', which is not a number", place(column),
                                  cell(column).substr(0, 40)),
                      "list text columns in data.categorical or data.ignore");
    }
    return static_cast<float>(*value);
  }

  void feature(size_t f) {
    const size_t column = at_.features[f];
    if (layout_.features[f].categorical) {
      table_.codes[f].push_back(table_.dictionaries[f].code(cell(column), reader_));
    } else if (!cell(column).empty()) {
      table_.numbers[f].push_back(number(column));
    } else if (layout_.features[f].may_miss) {
      table_.numbers[f].push_back(std::numeric_limits<float>::quiet_NaN());
    } else {
      throw DataError(fmt::format("{} is empty", place(column)),
                      "fill it, or set data.missing = mean or zero");
    }
  }

  void label(size_t column) {
    if (cell(column).empty())
      throw DataError(fmt::format("{} (the label) is empty", place(column)),
                      "fill it, or remove the row");
    if (layout_.real_target) {
      table_.targets.push_back(number(column));
    } else {
      table_.label_codes.push_back(table_.labels.code(cell(column), reader_));
    }
  }

  void weight(size_t column) {
    const float value = number(column);
    if (value < 0)
      throw DataError(
          fmt::format("{} (the weight) is {}; it must not be negative", place(column), value),
          "correct it, or remove the row");
    table_.weights.push_back(value);
  }

  CsvReader& reader_;
  const CsvLayout& layout_;
  std::vector<std::string> names_;
  Positions at_;
  CsvTable& table_;
};

void parse_file(const Path& path, const CsvLayout& layout, CsvTable& table) {
  const std::string text = read_maybe_gzip(path);
  CsvReader reader(text, layout.delimiter, path.string());
  const int64_t before = table.rows;
  if (reader.next()) {
    RowParser parser(reader, layout, names_of(reader, layout.header), table);
    if (!layout.header) parser.row();
    while (reader.next()) parser.row();
  }
  if (table.rows == before) {
    throw DataError(
        fmt::format("{} has no rows{}", path.string(), layout.header ? " after its header" : ""),
        "data.header = false if the first line is data");
  }
}

}  // namespace

uint32_t Dictionary::code(std::string_view text, const CsvReader& at) {
  const auto found = codes_.find(text);
  if (found != codes_.end()) return found->second;
  require_utf8(text, at);
  const uint32_t next = static_cast<uint32_t>(texts_.size());
  codes_.emplace(std::string(text), next);
  texts_.emplace_back(text);
  places_.push_back(fmt::format("{}:{}", at.file(), at.line()));
  return next;
}

std::vector<std::string> column_names(const Path& path, char delimiter, bool header) {
  const std::string text = read_maybe_gzip(path);
  CsvReader reader(text, delimiter, path.string());
  if (!reader.next()) throw DataError(fmt::format("{} has no lines", path.string()), kCopyAgain);
  return names_of(reader, header);
}

size_t find_column(const std::vector<std::string>& names, const std::string& wanted,
                   const std::string& what, const std::string& file) {
  const auto at = std::find(names.begin(), names.end(), wanted);
  if (at != names.end()) return static_cast<size_t>(at - names.begin());
  const auto index = parse_int(wanted);
  if (index && *index >= 0 && *index < static_cast<int64_t>(names.size()))
    return static_cast<size_t>(*index);
  const auto near = nearest(wanted, names);
  throw DataError(
      fmt::format("{} has no column {} ({}) among its {}", file, wanted, what, names.size()),
      names.size() == 1 ? "is data.delimiter right?"
      : near            ? fmt::format("did you mean {}?", *near)
                        : "give its name, or its index from 0");
}

CsvTable parse_csv(const std::vector<Path>& paths, const CsvLayout& layout) {
  CsvTable table;
  table.numbers.resize(layout.features.size());
  table.codes.resize(layout.features.size());
  table.dictionaries.resize(layout.features.size());
  for (const Path& path : paths) parse_file(path, layout, table);
  return table;
}

}  // namespace trireme
