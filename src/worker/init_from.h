#pragma once
#include <string>

#include "model/graph.h"

namespace trireme {

// Copies what matches by name and shape from a checkpoint, run or safetensors file into flat,
// stored-order buffers. Says what matched, what the file lacks and what it has beyond (`report`:
// log it). Throws ConfigError when nothing matches or a shape differs.
void initialise_from(const std::string& what, const Graph& graph, float* params, float* state,
                     bool report);

}  // namespace trireme
