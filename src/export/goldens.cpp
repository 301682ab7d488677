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

void fill_from_source(const DataSource& source, int64_t samples, int64_t width, float* field) {
  const Schema& schema = source.preprocessing().schema;
  if (schema.input.elements() != width)
    throw ShapeError(fmt::format("goldens: the data gives {} values per sample, the model reads {}",
                                 schema.input.elements(), width));
  std::vector<float> target(static_cast<size_t>(std::max<int64_t>(schema.target_width, 1)));
  for (int64_t i = 0; i < samples; ++i) {
    int64_t label = 0;
    float weight = 0;
    const uint64_t id = static_cast<uint64_t>(i);
    source.read(id, {0, id, id}, /*augment=*/false,
                {field + i * width, &label, target.data(), schema.weighted ? &weight : nullptr});
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

}  // namespace

Goldens record_goldens(const Graph& graph, const std::map<std::string, HostTensor>& weights,
                       const DataSource* source, int64_t samples, uint64_t seed) {
  if (source) samples = std::min(samples, source->size());
  prepare_kernel_thread();
  const AlignedBuffer params = to_flat(graph.params(), weights);
  const AlignedBuffer state = to_flat(graph.state(), weights);
  ForwardPass pass(graph, samples, params.floats(), state.floats());
  const Node& input = graph.node(graph.inputs().at(0));
  float* field = reinterpret_cast<float*>(pass.field(0));
  if (source)
    fill_from_source(*source, samples, input.shape.elements(), field);
  else
    fill_random(seed, samples * input.shape.elements(), field);
  Goldens goldens;
  goldens.input = to_logical_tensor(input, samples, field);
  goldens.output = to_logical_tensor(graph.node(graph.output()), samples, pass.run());
  return goldens;
}

}  // namespace trireme
