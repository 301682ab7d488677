#pragma once
// [tables] of an experiment as what tables know.

#include <cmath>

#include "config/experiment.h"
#include "ps/table_life.h"

namespace trireme {

inline ps::LifeSpec life_of(const TablesConfig& config) {
  return {config.admit_after, config.expire_after, std::llround(config.budget_mib * (1 << 20)),
          config.evict == "lfu" ? ps::RowOrder::By::updates : ps::RowOrder::By::last_step};
}

}  // namespace trireme
