#include "ps/life_counts.h"

#include <fmt/format.h>

namespace trireme::ps {

LifeCounts& LifeCounts::operator+=(const LifeCounts& o) {
  rows += o.rows;
  candidates += o.candidates;
  bytes += o.bytes;
  admitted += o.admitted;
  expired += o.expired;
  evicted += o.evicted;
  sighted += o.sighted;
  forgotten += o.forgotten;
  return *this;
}

std::string LifeCounts::in_words() const {
  std::string words =
      fmt::format("{} rows admitted, {} expired, {} evicted", admitted, expired, evicted);
  if (sighted > 0)
    words +=
        fmt::format("; {} keys wait, {} of {} sightings forgotten", candidates, forgotten, sighted);
  return words;
}

}  // namespace trireme::ps
