#include "data/csv_encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace trireme {
namespace {

// Sorted texts that occur in training rows.
std::vector<std::string> training_texts(const Dictionary& dictionary,
                                        const std::vector<uint32_t>& codes, const Split& split) {
  std::vector<bool> used(dictionary.texts().size());
  for (size_t row = 0; row < codes.size(); ++row) {
    if (!split.validation(row)) used[codes[row]] = true;
  }
  std::vector<std::string> texts;
  for (size_t code = 0; code < used.size(); ++code) {
    if (used[code]) texts.push_back(dictionary.texts()[code]);
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

double training_mean(const std::vector<float>& numbers, const Split& split) {
  double sum = 0;
  int64_t count = 0;
  for (size_t row = 0; row < numbers.size(); ++row) {
    if (std::isnan(numbers[row]) || split.validation(row)) continue;
    sum += double{numbers[row]};
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0.0;
}

// Writes one column's values into `out`, whose rows are `width` apart.
void encode_categories(const FeatureMap::Column& column, const CsvTable& table, size_t feature,
                       float* out, int64_t width) {
  const auto& texts = table.dictionaries[feature].texts();
  std::vector<int64_t> position;  // of each code among the categories; -1: unknown
  for (const std::string& text : texts) {
    const auto at = std::lower_bound(column.categories.begin(), column.categories.end(), text);
    const bool known = at != column.categories.end() && *at == text;
    position.push_back(known ? at - column.categories.begin() : -1);
  }
  int64_t unknown = 0;
  for (int64_t row = 0; row < table.rows; ++row) {
    const int64_t p = position[table.codes[feature][static_cast<size_t>(row)]];
    if (p >= 0) {
      out[row * width + p] = 1;
    } else {
      ++unknown;
    }
  }
  if (unknown > 0) {
    log_info("column {}: {} of {} rows have a category that the training split lacks (all zeros)",
             column.name, unknown, table.rows);
  }
}

int64_t width_of(const FeatureMap::Column& column) {
  return column.categories.empty() ? 1 : static_cast<int64_t>(column.categories.size());
}

int64_t class_of(const std::string& text, const std::string& place,
                 const std::vector<std::string>& class_names, int64_t classes) {
  if (class_names.empty()) {
    const auto number = parse_int(text);
    if (number && *number >= 0 && (classes == 0 || *number < classes)) return *number;
    const std::string range = classes > 0 ? fmt::format("0 to {}", classes - 1) : "numbers from 0";
    throw DataError(fmt::format("{}: label {} is not a class; classes are {}", place, text, range),
                    "correct the label, or data.classes");
  }
  const auto at = std::find(class_names.begin(), class_names.end(), text);
  if (at != class_names.end()) return at - class_names.begin();
  const auto near = nearest(text, class_names);
  throw DataError(fmt::format("{}: label {} is not one of the {} classes of the training data",
                              place, text, class_names.size()),
                  near ? fmt::format("did you mean {}?", *near) : "");
}

}  // namespace

FeatureMap derive_features(const CsvTable& table, const CsvLayout& layout,
                           const std::string& missing, const Split& split) {
  FeatureMap map;
  for (size_t f = 0; f < layout.features.size(); ++f) {
    FeatureMap::Column& column = map.columns.emplace_back();
    column.name = layout.features[f].name;
    if (layout.features[f].categorical) {
      column.categories = training_texts(table.dictionaries[f], table.codes[f], split);
    } else if (missing == "mean") {
      column.fill = training_mean(table.numbers[f], split);
    } else if (missing == "error") {
      column.fill = std::numeric_limits<double>::quiet_NaN();
    }
  }
  return map;
}

std::vector<float> encode_features(const CsvTable& table, const FeatureMap& features) {
  int64_t width = 0;
  for (const auto& column : features.columns) width += width_of(column);
  std::vector<float> values(static_cast<size_t>(table.rows * width));
  int64_t offset = 0;
  for (size_t f = 0; f < features.columns.size(); ++f) {
    const auto& column = features.columns[f];
    float* out = values.data() + offset;
    offset += width_of(column);
    if (!column.categories.empty()) {
      encode_categories(column, table, f, out, width);
      continue;
    }
    const float fill = static_cast<float>(column.fill);
    for (int64_t row = 0; row < table.rows; ++row) {
      const float value = table.numbers[f][static_cast<size_t>(row)];
      out[row * width] = std::isnan(value) ? fill : value;
    }
  }
  return values;
}

std::vector<std::string> derive_class_names(const CsvTable& table, const Split& split) {
  std::vector<std::string> names = training_texts(table.labels, table.label_codes, split);
  const bool numbers = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    const auto number = parse_int(name);
    return number && *number >= 0;
  });
  return numbers ? std::vector<std::string>() : names;
}

std::vector<int64_t> encode_labels(const CsvTable& table,
                                   const std::vector<std::string>& class_names, int64_t classes) {
  std::vector<int64_t> of_code;
  for (size_t code = 0; code < table.labels.texts().size(); ++code) {
    of_code.push_back(
        class_of(table.labels.texts()[code], table.labels.place(code), class_names, classes));
  }
  std::vector<int64_t> labels;
  labels.reserve(table.label_codes.size());
  for (uint32_t code : table.label_codes) labels.push_back(of_code[code]);
  return labels;
}

}  // namespace trireme
