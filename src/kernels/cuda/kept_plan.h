#pragma once
// A convolution's plan as text, and what tells plans apart.

#include <cstddef>
#include <optional>
#include <string>

#include "kernels/cuda/conv_graph.h"

namespace trireme::cu {

struct KeptPlan {
  ConvFusion fusion;     // what the plan takes along
  std::string engine;    // its engine when it is restored,
  size_t workspace = 0;  // and its workspace in bytes
  std::string plan;      // as ConvGraph::text() gave it
};

std::string to_text(const KeptPlan&);
// Nothing: it is no such text.
std::optional<KeptPlan> kept_plan(const std::string& text);

// One line. Equal for specifications that a device plans alike; it holds whatever is in a plan.
std::string problem_of(const Conv2dSpec&, ConvPass);

}  // namespace trireme::cu
