#include "ps/clocks.h"

#include <algorithm>

namespace trireme::ps {

Clocks::Clocks(int workers, int64_t start, int64_t pushes)
    : pushes_(pushes), workers_(static_cast<size_t>(workers), Worker{start, {}}), slowest_(start) {}

bool Clocks::fits(int worker, int64_t first, int64_t last) const {
  const Worker& w = at(worker);
  const auto known = w.pushes.find(first);
  return first >= w.completed && first <= last &&
         (known == w.pushes.end() || known->second.last == last);
}

void Clocks::pushed(int worker, int64_t first, int64_t last) {
  Worker& w = workers_[static_cast<size_t>(worker)];
  Worker::Pushes& pushes = w.pushes[first];
  pushes.last = last;
  ++pushes.count;
  for (auto next = w.pushes.begin();
       next != w.pushes.end() && next->first == w.completed && next->second.count == pushes_;
       next = w.pushes.erase(next))
    w.completed = next->second.last + 1;
  slowest_ = completed(slowest_worker());
}

int Clocks::slowest_worker() const {
  return static_cast<int>(std::ranges::min_element(workers_, {}, &Worker::completed) -
                          workers_.begin());
}

}  // namespace trireme::ps
