#pragma once
// A model as a table to read: layers, shapes, parameters, work.

#include <string>

#include "model/graph.h"

namespace trireme {

// One line a node: name, op, inputs (where they are not the line above), shape of one sample
// (C,H,W), parameters, MFLOP of one sample's forward pass; then the totals.
std::string summary(const Graph& graph);

}  // namespace trireme
