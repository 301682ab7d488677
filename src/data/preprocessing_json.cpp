// Preprocessing as JSON: a number reads back to the same bits (shortest round-trip form); NaN is
// null.

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/source.h"

namespace trireme {
namespace {

using nlohmann::json;

void require(bool good, const std::string& what) {
  if (!good) throw FormatError(fmt::format("preprocessing JSON: {}", what));
}

double number_or_nan(const json& j) { return j.is_null() ? std::nan("") : j.get<double>(); }

json column_json(const FeatureMap::Column& column) {
  return {{"name", column.name},
          {"categories", column.categories},
          {"fill", std::isnan(column.fill) ? json() : json(column.fill)},
          {"log", column.log}};
}

FeatureMap::Column column_from(const json& j) {
  return {j.at("name").get<std::string>(), j.at("categories").get<std::vector<std::string>>(),
          number_or_nan(j.at("fill")), j.value("log", false)};
}

json id_columns_json(const FeatureMap::Ids& ids) {
  json columns = json::array();
  for (const auto& c : ids.columns)
    columns.push_back({{"name", c.name}, {"vocabulary", c.vocabulary}});
  return {{"from", ids.hashed ? "hash" : "vocabulary"},
          {"buckets", ids.buckets},
          {"separator", ids.separator},
          {"values", ids.values},
          {"columns", columns}};
}

FeatureMap::Ids id_columns_from(const json& j) {
  FeatureMap::Ids ids;
  const std::string from = j.at("from").get<std::string>();
  require(from == "hash" || from == "vocabulary", fmt::format("ids from {}", from));
  ids.hashed = from == "hash";
  j.at("buckets").get_to(ids.buckets);
  j.at("separator").get_to(ids.separator);
  j.at("values").get_to(ids.values);
  for (const json& c : j.at("columns"))
    ids.columns.push_back(
        {c.at("name").get<std::string>(), c.at("vocabulary").get<std::vector<std::string>>()});
  require(ids.buckets >= 0 && ids.values >= 1,
          fmt::format("ids with {} buckets, {} values", ids.buckets, ids.values));
  return ids;
}

json schema_json(const Schema& schema) {
  json j = {{"input", std::vector<int64_t>(schema.input.dims().begin(), schema.input.dims().end())},
            {"image", schema.image},
            {"classes", schema.classes},
            {"class_names", schema.class_names},
            {"target_width", schema.target_width},
            {"weighted", schema.weighted}};
  if (schema.id_features > 0) {
    j["ids"] = {
        {"features", schema.id_features}, {"values", schema.id_values}, {"names", schema.id_names}};
  }
  return j;
}

Schema schema_from(const json& j) {
  Schema schema;
  const auto dims = j.at("input").get<std::vector<int64_t>>();
  schema.input = Shape(std::span<const int64_t>(dims));
  j.at("image").get_to(schema.image);
  j.at("classes").get_to(schema.classes);
  j.at("class_names").get_to(schema.class_names);
  j.at("target_width").get_to(schema.target_width);
  j.at("weighted").get_to(schema.weighted);
  if (j.contains("ids")) {
    const json& ids = j.at("ids");
    ids.at("features").get_to(schema.id_features);
    ids.at("values").get_to(schema.id_values);
    ids.at("names").get_to(schema.id_names);
    require(schema.id_features >= 1 && schema.id_values >= 1,
            fmt::format("{} x {} ids", schema.id_features, schema.id_values));
    require(schema.id_names.empty() || int64_t(schema.id_names.size()) == schema.id_features,
            fmt::format("{} id names for {} features", schema.id_names.size(), schema.id_features));
  }
  return schema;
}

void check(const Preprocessing& p) {
  const Schema& s = p.schema;
  require(s.input.rank() == (s.image ? 3 : 1),
          fmt::format("input {} does not fit image = {}", s.input.str(), s.image));
  require(s.input.elements() > 0 || (s.id_features > 0 && !s.image),
          fmt::format("input {} is empty", s.input.str()));
  require(s.classes >= 0 && s.target_width >= 1, "classes or target_width is negative");
  require(s.class_names.empty() || int64_t(s.class_names.size()) == s.classes,
          fmt::format("{} class names for {} classes", s.class_names.size(), s.classes));
  const FeatureMap::Ids& ids = p.features.ids;
  require(ids.columns.empty() ||
              (int64_t(ids.columns.size()) == s.id_features && ids.values == s.id_values),
          fmt::format("{} id columns of {} values for {} x {} ids", ids.columns.size(), ids.values,
                      s.id_features, s.id_values));
  const auto& n = p.normalization;
  require(n.mean.size() == n.std.size() && (n.mean.empty() || int64_t(n.mean.size()) == s.input[0]),
          fmt::format("{} means and {} standard deviations for input {}", n.mean.size(),
                      n.std.size(), s.input.str()));
  for (double v : n.std)
    require(v > 0 && std::isfinite(v), fmt::format("standard deviation {}", v));
  for (double v : n.mean) require(std::isfinite(v), fmt::format("mean {}", v));
}

}  // namespace

std::string Preprocessing::to_json() const {
  json columns = json::array();
  for (const auto& column : features.columns) columns.push_back(column_json(column));
  json j = {{"version", 1},
            {"schema", schema_json(schema)},
            {"normalization", {{"mean", normalization.mean}, {"std", normalization.std}}},
            {"features", columns}};
  if (!features.ids.columns.empty()) j["id_columns"] = id_columns_json(features.ids);
  return j.dump(1);
}

Preprocessing Preprocessing::from_json(const std::string& text) {
  try {
    const json j = json::parse(text);
    require(j.at("version") == 1,
            fmt::format("version {}, but 1 is known", j.at("version").dump()));
    Preprocessing p;
    p.schema = schema_from(j.at("schema"));
    j.at("normalization").at("mean").get_to(p.normalization.mean);
    j.at("normalization").at("std").get_to(p.normalization.std);
    for (const json& c : j.at("features")) p.features.columns.push_back(column_from(c));
    if (j.contains("id_columns")) p.features.ids = id_columns_from(j.at("id_columns"));
    check(p);
    return p;
  } catch (const json::exception& e) {
    throw FormatError(fmt::format("preprocessing JSON: {}", e.what()));
  } catch (const ShapeError& e) {
    throw FormatError(fmt::format("preprocessing JSON: {}", e.what()));
  }
}

}  // namespace trireme
