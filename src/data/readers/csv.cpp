// CSV and TSV, gzip or not: features, a label or target, and optionally a weight in each row.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/error.h"
#include "data/csv_encode.h"
#include "data/files.h"

namespace trireme {
namespace {

constexpr std::array<std::string_view, 4> kExtensions{".csv", ".tsv", ".csv.gz", ".tsv.gz"};

// Every column of the first file that is not the label, the weight or ignored is a feature.
void add_features(const DataConfig& config, const std::vector<std::string>& names,
                  const std::string& file, CsvLayout& layout) {
  std::set<size_t> categorical, left_out;
  for (const auto& c : config.categorical)
    categorical.insert(find_column(names, c, "data.categorical", file));
  for (const auto& c : config.ignore) left_out.insert(find_column(names, c, "data.ignore", file));
  left_out.insert(find_column(names, config.label, "data.label", file));
  if (!config.weight.empty())
    left_out.insert(find_column(names, config.weight, "data.weight", file));
  for (size_t i = 0; i < names.size(); ++i) {
    if (left_out.contains(i)) continue;
    layout.features.push_back({names[i], categorical.contains(i), config.missing != "error"});
  }
  if (layout.features.empty()) {
    throw DataError(
        fmt::format("{} has no feature columns: all {} are the label, the weight or ignored", file,
                    names.size()),
        "is data.delimiter right?");
  }
}

CsvLayout make_layout(const ReadRequest& request, const Path& first) {
  const DataConfig& config = request.config;
  CsvLayout layout;
  layout.label = config.label;
  layout.weight = config.weight;
  layout.real_target = config.target == "value";
  layout.header = config.header;
  layout.delimiter = parse_delimiter(config.delimiter);
  if (!request.known) {
    add_features(config, column_names(first, layout.delimiter, layout.header), first.string(),
                 layout);
    return layout;
  }
  for (const auto& column : request.known->features.columns) {
    layout.features.push_back({column.name, !column.categories.empty(), !std::isnan(column.fill)});
  }
  return layout;
}

}  // namespace

RawData read_csv(const ReadRequest& request) {
  const auto paths = expand_files(request.files, kExtensions);
  const CsvLayout layout = make_layout(request, paths.front());
  CsvTable table = parse_csv(paths, layout);
  const Preprocessing* known = request.known;
  RawData raw;
  raw.samples = table.rows;
  raw.features = known ? known->features
                       : derive_features(table, layout, request.config.missing, request.split);
  raw.floats = encode_features(table, raw.features);
  raw.shape = {static_cast<int64_t>(raw.floats.size()) / table.rows};
  if (!layout.real_target) {
    raw.class_names = known ? known->schema.class_names : derive_class_names(table, request.split);
    raw.classes = static_cast<int64_t>(raw.class_names.size());
    raw.labels = encode_labels(table, raw.class_names,
                               known ? known->schema.classes : request.config.classes);
  }
  raw.targets = std::move(table.targets);
  raw.weights = std::move(table.weights);
  raw.files = named_by_file(paths);
  return raw;
}

}  // namespace trireme
