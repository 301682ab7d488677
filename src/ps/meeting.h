#pragma once
// Where workers that run at their own pace stop together: when one asks for something that
// concerns all (to save, to stop), the first server names a clock that none of them has begun.
// Whoever begins a clock learns of the meeting first, so that all of them are there.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trireme::ps {

class Meeting {
 public:
  // every: workers hear of it only before clocks that this divides.
  explicit Meeting(int workers, int64_t every = 1)
      : every_(every), begun_(static_cast<size_t>(workers), -1) {}
  // `worker` asks for the weights of `clock`, which it will begin with, and for `requests` (bits).
  void ask(uint32_t requests) { waiting_ |= requests; }
  // It is answered: it begins. Its answer carries at() and requests().
  void begin(int worker, int64_t clock);
  int64_t at() const { return at_; }  // workers meet before they begin this clock; -1: no meeting
  uint32_t requests() const { return requests_; }

 private:
  bool over() const;  // everybody has begun the clock of the meeting

  const int64_t every_;
  std::vector<int64_t> begun_;  // the last clock of each worker
  int64_t at_ = -1;
  uint32_t requests_ = 0, waiting_ = 0;
};

}  // namespace trireme::ps
