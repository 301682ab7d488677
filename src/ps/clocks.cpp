#include "ps/clocks.h"

#include <algorithm>

namespace trireme::ps {

Clocks::Clocks(int workers, int64_t start, int64_t pushes)
    : pushes_(pushes), workers_(static_cast<size_t>(workers), Worker{start, {}}), slowest_(start) {}

void Clocks::pushed(int worker, int64_t clock) {
  Worker& w = workers_[static_cast<size_t>(worker)];
  ++w.pushes[clock];
  for (auto first = w.pushes.begin();
       first != w.pushes.end() && first->first == w.completed && first->second == pushes_;
       first = w.pushes.erase(first))
    ++w.completed;
  slowest_ = completed(slowest_worker());
}

int Clocks::slowest_worker() const {
  return static_cast<int>(std::ranges::min_element(workers_, {}, &Worker::completed) -
                          workers_.begin());
}

}  // namespace trireme::ps
