#include "worker/mean_loss.h"

namespace trireme {

std::vector<float> loss_weights(const Graph& graph) {
  std::vector<float> weights;
  for (NodeId loss : graph.losses()) weights.push_back(graph.node(loss).loss_weight);
  return weights;
}

double mean_loss(std::span<const float> weights, const double* sums) {
  double loss = 0;
  for (size_t j = 0; j < weights.size(); ++j)
    if (sums[2 * j + 1] > 0)
      loss += static_cast<double>(weights[j]) * sums[2 * j] / sums[2 * j + 1];
  return loss;
}

}  // namespace trireme
