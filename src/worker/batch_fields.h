#pragma once
// Which part of a batch every field of a program is.

#include <vector>

#include "data/loader.h"
#include "model/program.h"

namespace trireme {

// In the order of program.fields(): an int64 input of the graph reads the ids, another input the
// samples, "weight" the weights; what is left are targets.
std::vector<BatchField> batch_fields(const Graph& graph, const Program& program);

}  // namespace trireme
