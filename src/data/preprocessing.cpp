#include "data/preprocessing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "data/statistics.h"

namespace trireme {
namespace {

// Labels below 0 or at `classes` and above are errors that name the sample.
void check_labels(const std::vector<int64_t>& labels, int64_t classes, const std::string& what) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < classes) continue;
    throw DataError(fmt::format("sample {} of {} has label {}, but there are {} classes (0 to {})",
                                i, what, labels[i], classes, classes - 1),
                    "correct the label, or data.classes");
  }
}

// The number of classes where nothing declares it: up to the highest label.
int64_t count_classes(const RawData& raw) {
  if (raw.labels.empty())
    return std::max<int64_t>(1, static_cast<int64_t>(raw.class_counts.size()));
  const auto highest = std::max_element(raw.labels.begin(), raw.labels.end());
  if (*highest >= kMostClasses)
    throw DataError(fmt::format("sample {} of the training data has label {}; classes are numbers "
                                "from 0, below {}",
                                highest - raw.labels.begin(), *highest, kMostClasses),
                    "number the classes from 0");
  return std::max<int64_t>(*highest, 0) + 1;
}

std::string class_name(const Schema& schema, size_t c) {
  return schema.class_names.empty() ? std::to_string(c) : schema.class_names[c];
}

void warn_about_empty_classes(const RawData& raw, const Schema& schema, const Split& split) {
  std::vector<bool> seen(static_cast<size_t>(schema.classes));
  for (size_t i = 0; i < raw.labels.size(); ++i) {
    if (!split.validation(i)) seen[static_cast<size_t>(raw.labels[i])] = true;
  }
  for (size_t c = 0; c < raw.class_counts.size(); ++c) seen[c] = raw.class_counts[c] > 0;
  constexpr size_t kNamed = 10;
  std::vector<std::string> names;
  size_t empty = 0;
  for (size_t c = 0; c < seen.size(); ++c) {
    if (seen[c]) continue;
    if (++empty <= kNamed) names.push_back(class_name(schema, c));
  }
  if (empty == 0) return;
  log_warning("{} of {} classes have no training sample: {}{}", empty, seen.size(),
              fmt::join(names, ", "), empty > kNamed ? ", ..." : "");
}

Schema derive_schema(const RawData& raw, const DataConfig& config, const Split& split) {
  Schema schema;
  schema.input = raw.shape;
  schema.image = raw.image;
  schema.weighted = raw.has_weights();
  schema.class_names = raw.class_names;
  schema.target_width = raw.target_width;
  schema.id_features = raw.id_features;
  schema.id_values = raw.id_values;
  schema.id_names = raw.id_names;
  if (!raw.has_labels()) return schema;
  schema.classes = config.classes > 0 ? config.classes
                   : raw.classes > 0  ? raw.classes
                                      : count_classes(raw);
  if (raw.classes > schema.classes) {
    throw DataError(
        fmt::format("the data has {} classes, but data.classes is {}", raw.classes, schema.classes),
        "correct data.classes, or leave it out");
  }
  // Declared classes beyond the named ones are known by their numbers.
  for (size_t c = schema.class_names.size();
       !schema.class_names.empty() && c < size_t(schema.classes); ++c) {
    schema.class_names.push_back(std::to_string(c));
  }
  check_labels(raw.labels, schema.classes, "the training data");
  warn_about_empty_classes(raw, schema, split);
  return schema;
}

std::vector<double> per_channel(const char* key, const std::vector<double>& values,
                                int64_t channels) {
  const size_t n = static_cast<size_t>(channels);
  if (values.size() == n) return values;
  if (values.size() == 1) return std::vector<double>(n, values[0]);
  throw ConfigError(fmt::format("data.{} has {} values, but the data has {} channels or columns",
                                key, values.size(), channels),
                    "give one value, or one for each");
}

// What values are divided by before anything else, so that pixels count from 0 to 1.
double scale_of(const RawData& raw, const DataConfig& config) {
  if (config.scale > 0) return config.scale;
  return raw.eight_bit() && raw.image ? 255.0 : 1.0;
}

// (x / scale - mean) / std, as (x - mean scale) / (std scale).
Normalization given_normalization(const RawData& raw, const DataConfig& config) {
  Normalization n{per_channel("mean", config.mean, raw.channels()),
                  per_channel("std", config.std, raw.channels())};
  for (double s : n.std) {
    if (!(s > 0)) throw ConfigError(fmt::format("data.std has {}; it must be above 0", s));
  }
  const double scale = scale_of(raw, config);
  const bool of_raw = std::any_of(n.std.begin(), n.std.end(), [](double s) { return s > 1; });
  if (scale == 255 && of_raw) {
    log_warning(
        "data.mean and data.std are of pixels from 0 to 1, but data.std is above 1; if they are of "
        "raw pixels, set data.scale = 1");
  }
  for (double& m : n.mean) m *= scale;
  for (double& s : n.std) s *= scale;
  return n;
}

Normalization derive_normalization(const RawData& raw, const DataConfig& config,
                                   const Split& split) {
  if (!raw.has_input()) return {};
  if (config.normalize == "standard") return training_statistics(raw, split);
  if (config.normalize == "given") return given_normalization(raw, config);
  if (config.normalize != "unit") return {};
  const double scale = scale_of(raw, config);
  const size_t channels = static_cast<size_t>(raw.channels());
  Normalization n{std::vector<double>(channels, 0.0), std::vector<double>(channels, scale)};
  if (raw.image) return n;
  const std::vector<bool> one_hot = one_hot_columns(raw.features);
  for (size_t c = 0; c < one_hot.size(); ++c) {
    if (one_hot[c]) n.std[c] = 1;
  }
  return n;
}

}  // namespace

Preprocessing derive_preprocessing(const RawData& raw, const DataConfig& config,
                                   const Split& split) {
  bool any = false;
  for (int64_t i = 0; i < raw.samples && !any; ++i)
    any = !split.validation(static_cast<uint64_t>(i));
  if (!any) {
    throw DataError(fmt::format("no training sample is left of {} with data.validation_split = {}",
                                raw.samples, split.fraction),
                    "lower data.validation_split");
  }
  return {derive_schema(raw, config, split), derive_normalization(raw, config, split),
          raw.features};
}

namespace {

void check_ids(const RawData& raw, const Schema& schema, const std::string& what) {
  if (raw.id_features != schema.id_features || raw.id_values != schema.id_values) {
    throw DataError(
        fmt::format("a sample of {} has {} x {} ids, but the model's data has {} x {}", what,
                    raw.id_features, raw.id_values, schema.id_features, schema.id_values),
        "check data.ids and data.ids_max");
  }
  for (size_t f = 0; f < schema.id_names.size(); ++f) {
    if (raw.id_names.at(f) == schema.id_names[f]) continue;
    throw DataError(fmt::format("the ids of {} come from {}, but the model's data has {} there",
                                what, raw.id_names[f], schema.id_names[f]),
                    "check data.ids");
  }
}

}  // namespace

void check_fits(const RawData& raw, const Preprocessing& preprocessing, const std::string& what) {
  const Schema& schema = preprocessing.schema;
  if (raw.shape != schema.input || raw.image != schema.image) {
    throw DataError(fmt::format("a sample of {} is {}{}, but the model's data is {}{}", what,
                                raw.shape.str(), raw.image ? " (image)" : "", schema.input.str(),
                                schema.image ? " (image)" : ""),
                    "use data of the same shape, or data.resize = true");
  }
  if (raw.has_labels() != (schema.classes > 0)) {
    throw DataError(fmt::format("{} has {}, but the model's data has {}", what,
                                !raw.has_labels() ? "real targets" : "class labels",
                                schema.classes == 0 ? "real targets" : "class labels"),
                    "check data.target");
  }
  if (schema.classes == 0 && raw.target_width != schema.target_width) {
    throw DataError(fmt::format("{} has {} target values a sample, but the model's data has {}",
                                what, raw.target_width, schema.target_width),
                    "use data with the same targets");
  }
  if (schema.weighted && !raw.has_weights()) {
    throw DataError(fmt::format("{} has no weights, but the training data has", what),
                    "check data.weight");
  }
  check_ids(raw, schema, what);
  check_labels(raw.labels, schema.classes, what);
}

}  // namespace trireme
