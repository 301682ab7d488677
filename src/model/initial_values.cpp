#include <algorithm>
#include <vector>

#include "model/build.h"

namespace trireme {
namespace {

void fill(const ParamTable& table, uint64_t seed, float* out) {
  std::fill_n(out, table.size(), 0.0f);  // the gaps between slots stay zero
  std::vector<float> logical;
  for (const Slot& slot : table.slots()) {
    logical.resize(static_cast<size_t>(slot.count));
    initialise(slot, seed, logical.data());
    to_stored(slot, logical.data(), out + slot.offset);
  }
}

}  // namespace

void initial_values(const Graph& graph, uint64_t seed, float* params, float* state) {
  fill(graph.params(), seed, params);
  fill(graph.state(), seed, state);
}

}  // namespace trireme
