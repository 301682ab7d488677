#include "worker/staleness.h"

#include <fmt/format.h>

#include "base/text.h"

namespace trireme {

void Staleness::add(double behind) {
  if (behind < 0) return;
  ++times_[static_cast<int64_t>(behind)];
  sum_ += behind;
}

void Staleness::tell(StepRecord& record) const {
  if (empty()) return;
  record.staleness_sum = sum_;
  for (const auto& [behind, times] : times_) record.staleness_times += times;
  record.staleness_max = static_cast<double>(times_.rbegin()->first);
}

std::string Staleness::in_words() const {
  std::vector<std::string> words;
  int64_t steps = 0;
  for (const auto& [behind, times] : times_) {
    words.push_back(fmt::format("{}: {}", behind, times));
    steps += times;
  }
  return fmt::format("steps that the slowest worker was behind rank 0: {:.3g} on average ({})",
                     sum_ / static_cast<double>(steps), join(words, ", "));
}

}  // namespace trireme
