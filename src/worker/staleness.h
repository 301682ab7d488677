#pragma once
// How far the slowest worker was behind this rank, step by step, where workers go at their own
// pace.

#include <cstdint>
#include <map>
#include <string>

#include "worker/run_log.h"

namespace trireme {

class Staleness {
 public:
  // behind: steps; below 0: workers go in step, and there is nothing to tell.
  void add(double behind);
  bool empty() const { return times_.empty(); }
  void tell(StepRecord& record) const;
  std::string in_words() const;  // the average, and how often each was seen

 private:
  std::map<int64_t, int64_t> times_;  // by steps behind
  double sum_ = 0;
};

}  // namespace trireme
