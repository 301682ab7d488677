#include "ps/meeting.h"

#include <algorithm>
#include <utility>

namespace trireme::ps {

bool Meeting::over() const { return at_ < 0 || std::ranges::min(begun_) >= at_; }

// What is asked for while a meeting stands has to wait for the next: some may have been at this one
// already.
void Meeting::begin(int worker, int64_t clock) {
  if (waiting_ != 0 && over()) {
    at_ = (std::max(std::ranges::max(begun_), clock) / every_ + 1) * every_;
    requests_ = std::exchange(waiting_, 0);
  }
  int64_t& begun = begun_[static_cast<size_t>(worker)];
  begun = std::max(begun, clock);
}

}  // namespace trireme::ps
