#pragma once
// How far each worker has come, as one server knows it: a clock is complete when every block of
// this server has had that worker's push of it. A push may speak for several clocks, of a worker
// that pushes less often than it steps.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace trireme::ps {

class Clocks {
 public:
  // `start`: clocks done before this server began. `pushes`: of one worker and clock.
  Clocks(int workers, int64_t start, int64_t pushes);
  // Clocks [first, last]. Pushes of different clocks may come in any order.
  void pushed(int worker, int64_t first, int64_t last);
  // Whether that can be: not of clocks that are complete, nor beside others from `first` on.
  bool fits(int worker, int64_t first, int64_t last) const;
  int64_t completed(int worker) const { return at(worker).completed; }  // clocks 0 .. completed - 1
  int64_t slowest() const { return slowest_; }
  int slowest_worker() const;

 private:
  struct Worker {
    int64_t completed = 0;
    struct Pushes {
      int64_t last = 0, count = 0;
    };
    std::map<int64_t, Pushes> pushes;  // of the clocks that are not complete, by the first
  };
  const Worker& at(int worker) const { return workers_[static_cast<size_t>(worker)]; }

  const int64_t pushes_;
  std::vector<Worker> workers_;
  int64_t slowest_;
};

}  // namespace trireme::ps
