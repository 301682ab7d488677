// CSV and TSV, gzip or not: features, ids, a label or target, and optionally a weight in each row.
// Files that are small stay in memory, encoded; of large ones, blocks of rows are read on demand.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "data/csv_blocks.h"
#include "data/files.h"

namespace trireme {
namespace {

constexpr uintmax_t kInMemoryBytes = uintmax_t{1} << 30;
constexpr std::array<std::string_view, 4> kExtensions{".csv", ".tsv", ".csv.gz", ".tsv.gz"};

// What columns of the first file the lists of [data] name.
struct Lists {
  std::set<size_t> categorical, logs, left_out;
  std::vector<size_t> ids;
};

Lists find_lists(const DataConfig& config, const std::vector<std::string>& names,
                 const std::string& file) {
  const auto find = [&](const std::vector<std::string>& wanted, const char* key) {
    return find_columns(names, wanted, key, file);
  };
  const auto set_of = [](const std::vector<size_t>& columns) {
    return std::set<size_t>(columns.begin(), columns.end());
  };
  Lists lists{set_of(find(config.categorical, "data.categorical")),
              set_of(find(config.log, "data.log")), set_of(find(config.ignore, "data.ignore")),
              find(config.ids, "data.ids")};
  lists.left_out.insert(find_column(names, config.label, "data.label", file));
  if (!config.weight.empty())
    lists.left_out.insert(find_column(names, config.weight, "data.weight", file));
  return lists;
}

// Columns that would have two meanings.
void check_lists(const Lists& lists, const std::vector<std::string>& names,
                 const std::string& file) {
  const std::set<size_t> ids(lists.ids.begin(), lists.ids.end());
  const auto refuse = [&](size_t column, const char* other) {
    throw DataError(
        fmt::format("{}: column {} is in data.ids and also {}", file, names[column], other),
        "take it out of one of them");
  };
  for (size_t column : lists.ids) {
    if (std::count(lists.ids.begin(), lists.ids.end(), column) > 1) refuse(column, "again");
    if (lists.left_out.contains(column)) refuse(column, "the label, the weight or ignored");
    if (lists.categorical.contains(column)) refuse(column, "in data.categorical");
    if (lists.logs.contains(column)) refuse(column, "in data.log");
  }
  for (size_t column : lists.logs)
    if (lists.categorical.contains(column))
      throw DataError(
          fmt::format("{}: column {} is in data.categorical and in data.log", file, names[column]),
          "a category has no logarithm");
}

// Every column of the first file that is not the label, the weight, ignored or ids is a feature.
void add_columns(const DataConfig& config, const std::vector<std::string>& names,
                 const std::string& file, CsvLayout& layout) {
  const Lists lists = find_lists(config, names, file);
  check_lists(lists, names, file);
  for (size_t column : lists.ids) layout.ids.push_back(names[column]);
  for (size_t i = 0; i < names.size(); ++i) {
    const bool id = std::find(lists.ids.begin(), lists.ids.end(), i) != lists.ids.end();
    if (id || lists.left_out.contains(i)) continue;
    layout.features.push_back({names[i], lists.categorical.contains(i), config.missing != "error",
                               lists.logs.contains(i)});
  }
  if (layout.features.empty() && layout.ids.empty()) {
    throw DataError(
        fmt::format("{} has no feature columns: all {} are the label, the weight or ignored", file,
                    names.size()),
        "is data.delimiter right?");
  }
}

CsvLayout make_layout(const ReadRequest& request, const CsvFile& first) {
  const DataConfig& config = request.config;
  CsvLayout layout;
  if (request.known) {
    layout = layout_of(request.known->features);
  } else {
    add_columns(config, column_names(first, config.header), first.path().string(), layout);
  }
  layout.label = config.label;
  layout.weight = config.weight;
  layout.real_target = config.target == "value";
  layout.header = config.header;
  return layout;
}

IdCells id_cells(const ReadRequest& request) {
  if (request.known) {
    const FeatureMap::Ids& ids = request.known->features.ids;
    return {ids.separator, ids.values, false};
  }
  const DataConfig& config = request.config;
  return {config.ids_separator, config.ids_max, config.ids_from == "vocabulary"};
}

void warn_of_cut_cells(const CsvSurvey& survey, const FeatureMap& features) {
  for (size_t f = 0; f < survey.cut.size(); ++f)
    if (survey.cut[f] > 0)
      log_warning(
          "column {}: {} of {} cells hold more than data.ids_max = {} values; the others "
          "are left out",
          features.ids.columns[f].name, survey.cut[f], survey.rows, features.ids.values);
}

// All rows, encoded.
void read_rows(const std::vector<CsvFile>& files, const CsvLayout& layout,
               const ClassTable& classes, int64_t rows, RawData& raw) {
  const CsvEncoder encoder(raw.features);
  const auto width = static_cast<size_t>(encoder.width()), ids = static_cast<size_t>(encoder.ids());
  raw.floats.resize(static_cast<size_t>(rows) * width);
  raw.ids.resize(static_cast<size_t>(rows) * ids);
  std::vector<int64_t> unknown(raw.features.columns.size());
  size_t at = 0;
  for (const CsvFile& file : files)
    for_each_row(file, layout, [&](const CsvRow& row) {
      encoder.input(row, raw.floats.data() + at * width, unknown);
      encoder.ids(row, raw.ids.data() + at * ids);
      if (layout.real_target)
        raw.targets.push_back(row.target());
      else
        raw.labels.push_back(classes.find(row.label())->second);
      if (!layout.weight.empty()) raw.weights.push_back(row.weight());
      ++at;
    });
  for (size_t f = 0; f < unknown.size(); ++f)
    if (unknown[f] > 0)
      log_info("column {}: {} of {} rows have a category that the training split lacks (all zeros)",
               raw.features.columns[f].name, unknown[f], rows);
}

// Whether rows stay in memory, or are read again when they are needed.
bool keep_in_memory(const DataConfig& config, const std::vector<Path>& paths) {
  const bool image = config.channels > 0 && config.height > 0 && config.width > 0;
  if (config.in_memory == "false" && image)
    throw ConfigError("data.in_memory = false, but columns become images by data.channels",
                      "set data.in_memory = true, or leave out data.channels, height and width");
  if (config.in_memory != "auto" || image) return config.in_memory != "false";
  uintmax_t bytes = 0;
  for (const Path& path : paths) {
    if (path.extension() == ".gz") return true;
    bytes += std::filesystem::file_size(path);
  }
  return bytes <= kInMemoryBytes;
}

// Rows that are read when they are asked for.
void fetch_rows(std::vector<CsvFile> files, const CsvLayout& layout, ClassTable classes,
                CsvSurvey survey, const DataConfig& config, RawData& raw) {
  if (config.shuffle && config.order == "full" && raw.samples > config.block_size)
    log_warning(
        "data.order = full asks for rows of all blocks in turn; data.order = block reads each "
        "block once an epoch");
  for (const auto& [text, label] : survey.labels) {
    const auto c = static_cast<size_t>(classes.find(text)->second);
    if (raw.class_counts.size() <= c) raw.class_counts.resize(c + 1);
    raw.class_counts[c] += label.training;
  }
  raw.fetches_weights = !layout.weight.empty();
  const auto blocks = std::make_shared<const CsvBlocks>(
      std::move(files), layout, raw.features, std::move(classes), std::move(survey.blocks));
  raw.fetch = [blocks](uint64_t id) { return blocks->row(id); };
}

}  // namespace

RawData read_csv(const ReadRequest& request) {
  const DataConfig& config = request.config;
  const Preprocessing* known = request.known;
  const auto paths = expand_files(request.files, kExtensions);
  const char delimiter = parse_delimiter(config.delimiter);
  const bool in_memory = keep_in_memory(config, paths);
  std::vector<CsvFile> files;
  for (const Path& path : paths) files.emplace_back(path, delimiter, in_memory);
  const CsvLayout layout = make_layout(request, files.front());
  CsvSurvey survey = survey_csv(files, layout, id_cells(request), request.split, config.block_size);

  RawData raw;
  raw.samples = survey.rows;
  raw.features = known ? known->features : derive_features(survey, layout, config);
  raw.shape = {CsvEncoder(raw.features).width()};
  raw.id_features = static_cast<int64_t>(layout.ids.size());
  raw.id_values = raw.id_features > 0 ? raw.features.ids.values : 0;
  raw.id_names = layout.ids;
  warn_of_cut_cells(survey, raw.features);
  ClassTable classes;
  if (!layout.real_target) {
    raw.class_names = known ? known->schema.class_names : derive_class_names(survey);
    raw.classes = static_cast<int64_t>(raw.class_names.size());
    classes =
        encode_labels(survey, raw.class_names, known ? known->schema.classes : config.classes);
  }
  raw.files = named_by_file(paths);
  if (in_memory)
    read_rows(files, layout, classes, survey.rows, raw);
  else
    fetch_rows(std::move(files), layout, std::move(classes), std::move(survey), config, raw);
  return raw;
}

}  // namespace trireme
