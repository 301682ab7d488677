#include "data/csv_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "data/files.h"

namespace trireme {
namespace {

bool has_column(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "C1-C26" as {"C1", "C26"}; a name may hold the dash itself.
std::optional<std::pair<std::string, std::string>> range_of(const std::vector<std::string>& names,
                                                            const std::string& wanted) {
  if (has_column(names, wanted)) return std::nullopt;
  for (size_t dash = wanted.find('-'); dash != std::string::npos;
       dash = wanted.find('-', dash + 1)) {
    std::string first(trim(std::string_view(wanted).substr(0, dash)));
    std::string last(trim(std::string_view(wanted).substr(dash + 1)));
    if (has_column(names, first) && has_column(names, last)) return std::pair(first, last);
  }
  return std::nullopt;
}

}  // namespace

void require_utf8(std::string_view text, const CsvReader& at) {
  if (not_utf8(text) == std::string_view::npos) return;
  throw DataError(fmt::format("{}:{}: '{}' is not UTF-8", at.file(), at.line(), text),
                  "convert the file, as iconv -f ISO-8859-1 -t UTF-8 does for Latin-1");
}

std::vector<std::string> column_names(const CsvFile& file, bool header) {
  std::vector<std::string> names;
  file.until([&](const CsvReader& reader) {
    for (size_t i = 0; i < reader.cells().size(); ++i) {
      const std::string_view name = trim(reader.cells()[i]);
      if (header) require_utf8(name, reader);
      names.push_back(header ? std::string(name) : std::to_string(i));
    }
    return false;
  });
  if (names.empty())
    throw DataError(fmt::format("{} has no lines", file.path().string()), kCopyAgain);
  return names;
}

size_t find_column(const std::vector<std::string>& names, const std::string& wanted,
                   const std::string& what, const std::string& file) {
  const auto at = std::find(names.begin(), names.end(), wanted);
  if (at != names.end() && std::find(at + 1, names.end(), wanted) != names.end())
    throw DataError(fmt::format("{} has several columns {} ({})", file, wanted, what),
                    "give each column a name of its own");
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

std::vector<size_t> find_columns(const std::vector<std::string>& names,
                                 const std::vector<std::string>& wanted, const std::string& what,
                                 const std::string& file) {
  std::vector<size_t> columns;
  for (const std::string& name : wanted) {
    const auto range = range_of(names, name);
    size_t first = find_column(names, range ? range->first : name, what, file);
    const size_t last = range ? find_column(names, range->second, what, file) : first;
    if (last < first)
      throw DataError(
          fmt::format("{}: {} ({}) comes before {}", file, range->second, what, range->first),
          fmt::format("write {}-{}", range->second, range->first));
    for (; first <= last; ++first) columns.push_back(first);
  }
  return columns;
}

CsvRow::CsvRow(const CsvLayout& layout, std::vector<std::string> names, const std::string& file)
    : layout_(layout), names_(std::move(names)) {
  for (const auto& f : layout.features)
    features_.push_back(find_column(names_, f.name, "the feature", file));
  for (const auto& name : layout.ids) ids_.push_back(find_column(names_, name, "the ids", file));
  if (!layout.label.empty()) label_ = find_column(names_, layout.label, "data.label", file);
  if (!layout.weight.empty()) weight_ = find_column(names_, layout.weight, "data.weight", file);
}

void CsvRow::at(const CsvReader& reader) {
  reader_ = &reader;
  if (reader.cells().size() == names_.size()) return;
  throw DataError(fmt::format("{}:{}: {} cells, but the first line has {}", reader.file(),
                              reader.line(), reader.cells().size(), names_.size()),
                  "is data.delimiter right, and is text with delimiters quoted?");
}

std::string_view CsvRow::cell(size_t column) const { return trim(reader_->cells()[column]); }

std::string CsvRow::place(size_t column) const {
  return fmt::format("{}:{}: column {}", reader_->file(), reader_->line(), names_[column]);
}

float CsvRow::parse(size_t column) const {
  const auto value = parse_double(cell(column));
  if (!value || !std::isfinite(*value)) {
    throw DataError(fmt::format("{} holds '{}', which is not a number", place(column),
                                cell(column).substr(0, 40)),
                    "list text columns in data.categorical, data.ids or data.ignore");
  }
  if (std::abs(*value) <= double{std::numeric_limits<float>::max()})
    return static_cast<float>(*value);
  throw DataError(fmt::format("{} holds {}, which a 32-bit number cannot hold", place(column),
                              cell(column).substr(0, 40)),
                  "divide the column by a constant, or list it in data.ignore");
}

float CsvRow::number(size_t feature) const {
  const size_t column = features_[feature];
  const CsvLayout::Feature& f = layout_.features[feature];
  if (!cell(column).empty()) {
    const float value = parse(column);
    if (!f.log) return value;
    return static_cast<float>(std::log1p(std::max(0.0, static_cast<double>(value))));
  }
  if (f.may_miss) return std::numeric_limits<float>::quiet_NaN();
  throw DataError(fmt::format("{} is empty", place(column)),
                  "fill it, or set data.missing = mean or zero");
}

std::string_view CsvRow::label() const {
  const std::string_view text = cell(*label_);
  if (!text.empty()) return text;
  throw DataError(fmt::format("{} (the label) is empty", place(*label_)),
                  "fill it, or remove the row");
}

float CsvRow::target() const {
  (void)label();
  return parse(*label_);
}

float CsvRow::weight() const {
  if (!weight_) return 1;
  const float value = parse(*weight_);
  if (value >= 0) return value;
  throw DataError(
      fmt::format("{} (the weight) is {}; it must not be negative", place(*weight_), value),
      "correct it, or remove the row");
}

void for_each_row(const CsvFile& file, const CsvLayout& layout,
                  const std::function<void(const CsvRow&)>& visit) {
  CsvRow row(layout, column_names(file, layout.header), file.path().string());
  bool header = layout.header, any = false;
  file.for_each([&](const CsvReader& reader) {
    if (std::exchange(header, false)) return;
    row.at(reader);
    visit(row);
    any = true;
  });
  if (any) return;
  throw DataError(fmt::format("{} has no rows{}", file.path().string(),
                              layout.header ? " after its header" : ""),
                  "data.header = false if the first line is data");
}

}  // namespace trireme
