#include "data/csv_encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "base/xxh64.h"

namespace trireme {
namespace {

std::vector<std::string> sorted_texts(const TextCounts& counts, int64_t least) {
  std::vector<std::string> texts;
  for (const auto& [text, count] : counts)
    if (count >= least) texts.push_back(text);
  std::sort(texts.begin(), texts.end());
  return texts;
}

int64_t width_of(const FeatureMap::Column& column) {
  return column.categories.empty() ? 1 : static_cast<int64_t>(column.categories.size());
}

double fill_of(const CsvSurvey& survey, size_t feature, const std::string& missing) {
  if (missing == "error") return std::numeric_limits<double>::quiet_NaN();
  if (missing != "mean" || survey.numbers[feature] == 0) return 0;
  return survey.sums[feature] / static_cast<double>(survey.numbers[feature]);
}

int64_t class_of(const std::string& text, const std::string& place,
                 const std::vector<std::string>& class_names, int64_t classes) {
  if (class_names.empty()) {
    const auto number = parse_int(text);
    const int64_t end = classes > 0 ? classes : kMostClasses;
    if (number && *number >= 0 && *number < end) return *number;
    throw DataError(
        fmt::format("{}: label {} is not a class; classes are 0 to {}", place, text, end - 1),
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

FeatureMap derive_features(const CsvSurvey& survey, const CsvLayout& layout,
                           const DataConfig& config) {
  FeatureMap map;
  for (size_t f = 0; f < layout.features.size(); ++f) {
    FeatureMap::Column& column = map.columns.emplace_back();
    column.name = layout.features[f].name;
    column.log = layout.features[f].log;
    if (layout.features[f].categorical)
      column.categories = sorted_texts(survey.categories[f], 1);
    else
      column.fill = fill_of(survey, f, config.missing);
  }
  map.ids.hashed = config.ids_from == "hash";
  map.ids.buckets = config.ids_buckets;
  map.ids.separator = config.ids_separator;
  map.ids.values = config.ids_max;
  for (size_t f = 0; f < layout.ids.size(); ++f) {
    FeatureMap::IdColumn& column = map.ids.columns.emplace_back();
    column.name = layout.ids[f];
    column.vocabulary = sorted_texts(survey.ids[f], config.ids_min_count);
  }
  return map;
}

CsvLayout layout_of(const FeatureMap& features) {
  CsvLayout layout;
  for (const auto& column : features.columns)
    layout.features.push_back(
        {column.name, !column.categories.empty(), !std::isnan(column.fill), column.log});
  for (const auto& column : features.ids.columns) layout.ids.push_back(column.name);
  return layout;
}

std::vector<std::string> derive_class_names(const CsvSurvey& survey) {
  std::vector<std::string> names;
  for (const auto& [text, label] : survey.labels)
    if (label.training > 0) names.push_back(text);
  const bool numbers = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    const auto number = parse_int(name);
    return number && *number >= 0;
  });
  return numbers ? std::vector<std::string>() : names;
}

ClassTable encode_labels(const CsvSurvey& survey, const std::vector<std::string>& class_names,
                         int64_t classes) {
  ClassTable table;
  for (const auto& [text, label] : survey.labels)
    table.emplace(text, class_of(text, label.place, class_names, classes));
  return table;
}

int64_t hashed_id(std::string_view value, uint64_t column_hash, int64_t buckets) {
  const uint64_t hash = xxh64(value, column_hash) & (~uint64_t{0} >> 1);
  return static_cast<int64_t>(buckets > 0 ? hash % static_cast<uint64_t>(buckets) : hash);
}

CsvEncoder::CsvEncoder(const FeatureMap& features) : features_(features) {
  const auto positions = [](const std::vector<std::string>& texts) {
    Positions result;
    for (size_t i = 0; i < texts.size(); ++i) result.emplace(texts[i], static_cast<int64_t>(i));
    return result;
  };
  for (const auto& column : features.columns) {
    offsets_.push_back(width_);
    width_ += width_of(column);
    categories_.push_back(positions(column.categories));
  }
  for (const auto& column : features.ids.columns) {
    vocabularies_.push_back(positions(column.vocabulary));
    name_hashes_.push_back(xxh64(column.name));
  }
}

int64_t CsvEncoder::ids() const {
  return static_cast<int64_t>(features_.ids.columns.size()) * features_.ids.values;
}

void CsvEncoder::input(const CsvRow& row, float* out, std::vector<int64_t>& unknown) const {
  std::fill_n(out, width_, 0.0f);
  for (size_t f = 0; f < features_.columns.size(); ++f) {
    const FeatureMap::Column& column = features_.columns[f];
    float* at = out + offsets_[f];
    if (column.categories.empty()) {
      const float value = row.number(f);
      *at = std::isnan(value) ? static_cast<float>(column.fill) : value;
      continue;
    }
    const auto found = categories_[f].find(row.text(f));
    if (found != categories_[f].end())
      at[found->second] = 1;
    else
      ++unknown[f];
  }
}

int64_t CsvEncoder::id_of(std::string_view value, size_t column) const {
  if (features_.ids.hashed) return hashed_id(value, name_hashes_[column], features_.ids.buckets);
  const auto found = vocabularies_[column].find(value);
  return found == vocabularies_[column].end() ? 0 : found->second + 1;
}

void CsvEncoder::ids(const CsvRow& row, int64_t* out) const {
  const int64_t values = features_.ids.values;
  std::fill_n(out, ids(), int64_t{-1});
  for (size_t f = 0; f < features_.ids.columns.size(); ++f, out += values)
    for_each_value(row.id(f), features_.ids.separator,
                   [&](std::string_view value, int64_t position) {
                     if (position < values) out[position] = id_of(value, f);
                   });
}

}  // namespace trireme
