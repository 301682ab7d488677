#pragma once
// How far the slowest worker was behind this rank, step by step, where workers go at their own
// pace.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "comm/communicator.h"

namespace trireme {

class Staleness {
 public:
  // behind: steps; below 0: workers go in step, and there is nothing to tell.
  void add(double behind);
  bool empty() const { return times_.empty(); }
  // Takes in what the other workers saw. Collective.
  void gather(Communicator& workers, const Wait& wait);
  // The average, how often each was seen, and the workers of the lowest and the highest average.
  std::string in_words() const;

 private:
  std::map<int64_t, int64_t> times_;  // by steps behind
  double sum_ = 0;
  std::vector<double> averages_;  // by worker, once gathered
};

}  // namespace trireme
