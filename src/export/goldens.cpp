#include "export/goldens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/rng.h"
#include "export/forward.h"
#include "export/layout.h"
#include "export/slots.h"

namespace trireme {
namespace {

// Null: the model does not read it.
void fill_from_source(const DataSource& source, int64_t samples, const Graph& graph, float* field,
                      int64_t* ids) {
  const Schema& schema = source.preprocessing().schema;
  const int64_t width = schema.input.elements(), keys = schema.ids();
  const auto check = [](const char* what, int64_t given, int64_t read) {
    if (given != read)
      throw ShapeError(fmt::format("goldens: the data gives {} {} per sample, the model reads {}",
                                   given, what, read));
  };
  if (field) check("values", width, graph.node(graph.dense_input()).shape.elements());
  if (ids) check("ids", keys, graph.node(graph.id_input()).shape.elements());
  std::vector<float> target(static_cast<size_t>(std::max<int64_t>(schema.target_width, 1)));
  for (int64_t i = 0; i < samples; ++i) {
    int64_t label = 0;
    float weight = 0;
    const uint64_t id = static_cast<uint64_t>(i);
    source.read(id, {0, id, id}, /*augment=*/false,
                {field ? field + i * width : nullptr, &label, target.data(),
                 schema.weighted ? &weight : nullptr, ids ? ids + i * keys : nullptr});
  }
}

// Standard normal values (Box and Muller, 1958), a function of (seed, position).
void fill_random(uint64_t seed, int64_t count, float* field) {
  for (int64_t i = 0; i < count; ++i) {
    const Philox4 words = philox(mix(seed, hash_name("goldens")), static_cast<uint64_t>(i), 0);
    const double radius = std::sqrt(-2 * std::log(1 - to_unit_double(words[0], words[1])));
    field[i] = static_cast<float>(
        radius * std::cos(2 * std::numbers::pi * to_unit_double(words[2], words[3])));
  }
}

// Ids that a table of any size has: 0 and 1.
void fill_random(uint64_t seed, int64_t count, int64_t* ids) {
  for (int64_t i = 0; i < count; ++i) {
    const Philox4 words = philox(mix(seed, hash_name("golden ids")), static_cast<uint64_t>(i), 0);
    ids[i] = words[0] & 1;
  }
}

}  // namespace

Goldens record_goldens(const Graph& graph, const std::map<std::string, HostTensor>& weights,
                       const DataSource* source, int64_t samples, uint64_t seed) {
  if (source) samples = std::min(samples, source->size());
  prepare_kernel_thread();
  const AlignedBuffer params = to_flat(graph.params(), weights);
  const AlignedBuffer state = to_flat(graph.state(), weights);
  const ModelTables tables(graph, weights);
  ForwardPass pass(graph, samples, params.floats(), state.floats(), tables);
  float* field = pass.dense_input();
  int64_t* ids = pass.ids();
  Goldens goldens;
  if (source) fill_from_source(*source, samples, graph, field, ids);
  if (field) {
    const Node& input = graph.node(graph.dense_input());
    if (!source) fill_random(seed, samples * input.shape.elements(), field);
    goldens.input = to_logical_tensor(input, samples, field);
  }
  if (ids) {
    const Shape shape = graph.node(graph.id_input()).shape.with_batch(samples);
    if (!source) fill_random(seed, shape.elements(), ids);
    goldens.ids = HostTensor::from(
        shape, std::span<const int64_t>(ids, static_cast<size_t>(shape.elements())));
  }
  goldens.output = to_logical_tensor(graph.node(graph.output()), samples, pass.run());
  return goldens;
}

}  // namespace trireme
