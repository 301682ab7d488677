#include "export/interpret.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "export/data_shape.h"

namespace trireme {
namespace {

// The loss whose training gave the output its meaning.
std::string first_loss(const LoadedModel& model) {
  const Schema& schema = model.preprocessing.schema;
  if (model.config.empty()) return schema.classes > 0 ? "softmax_cross_entropy" : "mse";
  const Experiment experiment = parse_experiment(model.config, "experiment.ini", {});
  const ModelConfig expanded = expand_model(experiment.model, data_shape_of(schema));
  return expanded.losses.empty() ? "mse" : expanded.losses.front().op;
}

void softmax_row(std::span<const float> z, std::span<float> p) {
  const double largest = *std::ranges::max_element(z);
  double sum = 0;
  for (float v : z) sum += std::exp(double{v} - largest);
  for (size_t k = 0; k < z.size(); ++k)
    p[k] = static_cast<float>(std::exp(double{z[k]} - largest) / sum);
}

float sigmoid(float z) { return static_cast<float>(1 / (1 + std::exp(-double{z}))); }

// N x 1 becomes N x 2: the class 0 and the class 1.
HostTensor two_columns(const HostTensor& one, bool probabilities) {
  HostTensor two = HostTensor::zeros({one.shape[0], 2});
  for (int64_t i = 0; i < one.shape[0]; ++i) {
    const float z = one.floats()[static_cast<size_t>(i)];
    const float p = sigmoid(z);
    two.floats()[static_cast<size_t>(2 * i)] = probabilities ? 1 - p : -z;
    two.floats()[static_cast<size_t>(2 * i + 1)] = probabilities ? p : z;
  }
  return two;
}

}  // namespace

std::string Interpreted::class_name(int64_t column) const {
  const size_t i = static_cast<size_t>(column);
  return i < class_names.size() ? class_names[i] : fmt::format("{}", column);
}

std::vector<int64_t> Interpreted::top(int64_t i, int64_t k) const {
  const int64_t width = table.shape[1];
  const auto row =
      table.floats().subspan(static_cast<size_t>(i * width), static_cast<size_t>(width));
  std::vector<int64_t> columns(static_cast<size_t>(width));
  std::iota(columns.begin(), columns.end(), int64_t{0});
  std::ranges::stable_sort(columns, [&](int64_t a, int64_t b) {
    return row[static_cast<size_t>(a)] > row[static_cast<size_t>(b)];
  });
  columns.resize(static_cast<size_t>(std::min(k, width)));
  return columns;
}

Interpreted interpret_outputs(const LoadedModel& model, const HostTensor& outputs) {
  Interpreted result;
  result.class_names = model.preprocessing.schema.class_names;
  result.table = outputs;
  const int64_t samples = outputs.shape[0];
  const int64_t width = samples == 0 ? 0 : static_cast<int64_t>(outputs.floats().size()) / samples;
  result.table.shape = {samples, width};
  const std::string loss = first_loss(model);
  const bool one = width == 1 && model.preprocessing.schema.classes > 0;
  if (loss == "softmax_cross_entropy") {
    result.meaning = OutputMeaning::probabilities;
    for (int64_t i = 0; i < samples; ++i) {
      const auto begin = static_cast<size_t>(i * width), count = static_cast<size_t>(width);
      softmax_row(outputs.floats().subspan(begin, count),
                  result.table.floats().subspan(begin, count));
    }
  } else if (loss == "sigmoid_cross_entropy") {
    result.meaning = OutputMeaning::probabilities;
    if (one)
      result.table = two_columns(outputs, true);
    else
      std::ranges::transform(outputs.floats(), result.table.floats().begin(), sigmoid);
  } else if (loss == "hinge") {
    result.meaning = OutputMeaning::scores;
    if (one) result.table = two_columns(outputs, false);
  }
  return result;
}

}  // namespace trireme
