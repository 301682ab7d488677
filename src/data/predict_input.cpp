#include "data/predict_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "data/csv_encode.h"
#include "data/files.h"
#include "data/image_decode.h"
#include "data/layout.h"
#include "data/normalizer.h"
#include "data/npy_file.h"

namespace trireme {
namespace {

// Normalises samples that are in memory order and writes them in logical order, N,C,H,W or N,F.
template <class T>
HostTensor normalized(const T* values, int64_t samples, const Preprocessing& p) {
  const Shape& shape = p.schema.input;
  const int64_t size = shape.elements(), channels = shape[0], plane = size / channels;
  const Normalizer normalizer(p.normalization, channels);
  HostTensor result = HostTensor::zeros(shape.with_batch(samples));
  std::vector<float> sample(static_cast<size_t>(size));
  for (int64_t n = 0; n < samples; ++n) {
    normalizer.apply(values + n * size, size, sample.data());
    float* out = result.floats().data() + n * size;
    const int64_t inner = p.schema.image ? plane : 1;
    for (int64_t i = 0; i < size; ++i) {
      out[i] = sample[static_cast<size_t>(p.schema.image ? i % inner * channels + i / inner : i)];
    }
  }
  return result;
}

// Samples in the file: its shape is that of a sample, with or without N in front, or N,H,W for one
// channel.
int64_t npy_samples(const NpyFile& file, const Shape& input) {
  const Shape& s = file.shape;
  if (s == input) return 1;
  if (s.rank() > 0 && s == input.with_batch(s[0])) return s[0];
  const bool grey = input.rank() == 3 && input[0] == 1;
  if (grey && s == Shape{input[1], input[2]}) return 1;
  if (grey && s.rank() == 3 && s == Shape{s[0], input[1], input[2]}) return s[0];
  throw DataError(
      fmt::format("{} is {}, but the model's input is {}", file.name, s.str(), input.str()),
      "give N samples of that shape, or one");
}

HostTensor predict_npy(const Path& path, const Preprocessing& p) {
  const NpyFile file = read_npy_file(path);
  const int64_t samples = npy_samples(file, p.schema.input);
  std::vector<float> values = file.floats(p.schema.input.elements());
  if (p.schema.image) channels_last(values, p.schema.input);
  return normalized(values.data(), samples, p);
}

// The candidate that occurs most often in the first line.
char guess_delimiter(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  char best = ',';
  for (char c : {'\t', ';', '|'}) {
    if (std::count(line.begin(), line.end(), c) > std::count(line.begin(), line.end(), best))
      best = c;
  }
  return best;
}

bool all_numbers(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(),
                     [](const auto& name) { return parse_double(name).has_value(); });
}

// The columns of the training data, or as many numbers as the input has when it was not CSV.
FeatureMap wanted_columns(const Preprocessing& p) {
  if (!p.features.columns.empty() || !p.features.ids.columns.empty()) return p.features;
  FeatureMap map;
  for (int64_t i = 0; i < p.schema.input.elements(); ++i)
    map.columns.push_back({std::to_string(i), {}, std::nan("")});
  return map;
}

// 0, 1, 2, ... as pandas names columns; shorter lines are as likely values.
bool counts_up(const std::vector<std::string>& line) {
  const auto first = parse_int(line.front());
  for (size_t i = 0; first && i < line.size(); ++i)
    if (line[i] != std::to_string(*first + static_cast<int64_t>(i))) return false;
  return first && line.size() > 2;
}

// Columns are taken in order where there are no names to go by. Numbers as names (0, 1, ... where
// training had none) may be values, too: they are names beside a text, or where they count up.
CsvLayout match_columns(const FeatureMap& map, const std::vector<std::string>& first_line,
                        const std::string& file) {
  CsvLayout layout = layout_of(map);
  std::vector<std::string> wanted;
  for (const auto& feature : layout.features) wanted.push_back(feature.name);
  wanted.insert(wanted.end(), layout.ids.begin(), layout.ids.end());
  const bool named = std::all_of(wanted.begin(), wanted.end(), [&](const auto& name) {
    return std::find(first_line.begin(), first_line.end(), name) != first_line.end();
  });
  layout.header =
      !all_numbers(wanted) || (named && (!all_numbers(first_line) || counts_up(first_line)));
  if (!named && layout.header) {
    for (const auto& name : wanted) {
      if (std::find(first_line.begin(), first_line.end(), name) != first_line.end()) continue;
      const auto near = nearest(name, first_line);
      throw DataError(
          fmt::format("{} has no column {}, which the model was trained on ({} columns)", file,
                      name, wanted.size()),
          near ? fmt::format("did you mean {}?", *near) : "the first line must name the columns");
    }
  }
  const bool in_order = !layout.header && first_line.size() == wanted.size();
  for (size_t i = 0; in_order && i < wanted.size(); ++i) {
    const size_t f = i - std::min(i, layout.features.size());
    (i < layout.features.size() ? layout.features[i].name : layout.ids[f]) = std::to_string(i);
  }
  return layout;
}

PredictionInput predict_csv(const Path& path, const Preprocessing& p) {
  const CsvFile file(path, guess_delimiter(read_maybe_gzip(path)), true);
  const std::vector<std::string> first_line = column_names(file, true);
  const FeatureMap map = wanted_columns(p);
  const CsvLayout layout = match_columns(map, first_line, path.string());
  const CsvEncoder encoder(map);
  if (encoder.width() != p.schema.input.elements()) {
    throw DataError(fmt::format("{} has {} features a row, but the model's input is {}",
                                path.string(), encoder.width(), p.schema.input.str()),
                    "give the columns that the model was trained on");
  }
  std::vector<float> values;
  std::vector<int64_t> ids, unknown(map.columns.size());
  int64_t rows = 0;
  for_each_row(file, layout, [&](const CsvRow& row) {
    const auto at = static_cast<size_t>(rows++);
    values.resize(values.size() + static_cast<size_t>(encoder.width()));
    ids.resize(ids.size() + static_cast<size_t>(encoder.ids()));
    encoder.input(row, values.data() + at * static_cast<size_t>(encoder.width()), unknown);
    encoder.ids(row, ids.data() + at * static_cast<size_t>(encoder.ids()));
  });
  PredictionInput result;
  if (p.schema.image) channels_last(values, p.schema.input);
  if (encoder.width() > 0) result.input = normalized(values.data(), rows, p);
  if (p.schema.ids() > 0)
    result.ids = HostTensor::from({rows, p.schema.id_features, p.schema.id_values},
                                  std::span<const int64_t>(ids));
  return result;
}

HostTensor predict_image(const Path& path, const Preprocessing& p) {
  const Shape& input = p.schema.input;
  if (!p.schema.image) {
    throw DataError(fmt::format("{} is an image, but the model's input is {} columns",
                                path.string(), input.str()),
                    "give a .csv or .npy file");
  }
  const Image image = decode_image(read_bytes(path), path.string(), input[0]);
  if (image.height != input[1] || image.width != input[2]) {
    throw DataError(fmt::format("{} is {}x{} (height x width), but the model's input is {}x{}",
                                path.string(), image.height, image.width, input[1], input[2]),
                    "resize the image");
  }
  return normalized(image.pixels.data(), 1, p);
}

}  // namespace

PredictionInput read_prediction_input(const Path& file, const Preprocessing& preprocessing) {
  std::string name = file.filename().string();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  const std::string extension = Path(name).extension().string();
  if (extension == ".csv" || extension == ".tsv") return predict_csv(file, preprocessing);
  const bool npy = extension == ".npy";
  if (npy || extension == ".png" || extension == ".jpg" || extension == ".jpeg") {
    if (preprocessing.schema.ids() > 0)
      throw DataError(fmt::format("{} has no ids, but the model reads some", file.string()),
                      "give a .csv file with the columns that the model was trained on");
    return {npy ? predict_npy(file, preprocessing) : predict_image(file, preprocessing), {}};
  }
  throw DataError(fmt::format("{} has an unknown extension", file.string()),
                  "predictions read .npy, .csv, .tsv, .png and .jpg");
}

}  // namespace trireme
