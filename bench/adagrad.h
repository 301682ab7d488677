#pragma once
// The optimizer of the benchmarks of tables.

#include "config/experiment.h"

namespace trireme::bench {

inline OptimizerConfig adagrad() {
  OptimizerConfig c{};
  c.name = "adagrad";
  c.epsilon = 1e-10;
  return c;
}

}  // namespace trireme::bench
