#pragma once
// The losses of a batch as one number.

#include <span>
#include <vector>

#include "model/graph.h"

namespace trireme {

std::vector<float> loss_weights(const Graph& graph);  // in the order of graph.losses()
// Sum over the losses of weight * (sum of losses / sum of sample weights); `sums` holds these two
// for each. A loss without sample weight adds nothing.
double mean_loss(std::span<const float> weights, const double* sums);

}  // namespace trireme
