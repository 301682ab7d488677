#pragma once
// Plain steps: weights -= lr gradient.

#include "config/experiment.h"

namespace trireme::ps {

inline OptimizerConfig sgd() {
  OptimizerConfig config{};
  config.name = "sgd";
  return config;
}

}  // namespace trireme::ps
