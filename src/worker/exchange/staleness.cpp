#include "worker/exchange/staleness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/text.h"

namespace trireme {
namespace {

struct Seen {
  int64_t behind = 0, times = 0;
};

}  // namespace

void Staleness::add(double behind) {
  if (behind < 0) return;
  ++times_[static_cast<int64_t>(behind)];
  sum_ += behind;
}

void Staleness::gather(Communicator& workers, const Wait& wait) {
  std::vector<Seen> mine;
  for (const auto& [behind, times] : times_) mine.push_back({behind, times});
  const auto all = workers.all_gather(std::as_bytes(std::span(mine)), wait);
  *this = {};
  for (const auto& bytes : all) {
    std::vector<Seen> theirs(bytes.size() / sizeof(Seen));
    std::memcpy(theirs.data(), bytes.data(), theirs.size() * sizeof(Seen));
    int64_t steps = 0, sum = 0;
    for (const Seen& seen : theirs) {
      times_[seen.behind] += seen.times;
      steps += seen.times;
      sum += seen.behind * seen.times;
    }
    sum_ += static_cast<double>(sum);
    averages_.push_back(steps ? static_cast<double>(sum) / static_cast<double>(steps) : 0);
  }
}

std::string Staleness::in_words() const {
  std::vector<std::string> words;
  int64_t steps = 0;
  for (const auto& [behind, times] : times_) {
    words.push_back(fmt::format("{}: {}", behind, times));
    steps += times;
  }
  std::string text = fmt::format("steps that the slowest worker was behind: {:.3g} on average ({})",
                                 sum_ / static_cast<double>(steps), join(words, ", "));
  if (averages_.size() < 2) return text;
  const auto [least, most] = std::minmax_element(averages_.begin(), averages_.end());
  return text + fmt::format("; least for rank {}: {:.3g}, most for rank {}: {:.3g}",
                            least - averages_.begin(), *least, most - averages_.begin(), *most);
}

}  // namespace trireme
