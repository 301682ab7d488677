#pragma once
// Recorded inputs and outputs of the trained program, which every export must reproduce.

#include "export/export.h"

namespace trireme {

// Runs the graph's own program on the first `samples` of `source` (fewer when it holds fewer), in
// the memory order of training. A null source gives normal random inputs, and ids 0 and 1,
// drawn from `seed`.
Goldens record_goldens(const Graph& graph, const std::map<std::string, HostTensor>& weights,
                       const DataSource* source, int64_t samples, uint64_t seed);

}  // namespace trireme
