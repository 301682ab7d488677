#pragma once
// What workers have seen of their own pushes and pulls so far, summed up. It travels with pulls.

#include <algorithm>
#include <cstdint>

namespace trireme::ps {

struct PushReport {
  // Bounded, async: pulls, and how many clocks the slowest worker was behind at these.
  int64_t pulls = 0, behind = 0, most_behind = 0;
  // Coded pushes (of all blocks): bytes sent, what they would be in fp32, and the norms of what was
  // left out by those of the gradients.
  int64_t pushes = 0, bytes = 0, plain_bytes = 0;
  double left_out = 0;

  void add_pull(int64_t clocks) {
    ++pulls;
    behind += clocks;
    most_behind = std::max(most_behind, clocks);
  }
  PushReport& operator+=(const PushReport& o) {
    pulls += o.pulls;
    behind += o.behind;
    most_behind = std::max(most_behind, o.most_behind);
    pushes += o.pushes;
    bytes += o.bytes;
    plain_bytes += o.plain_bytes;
    left_out += o.left_out;
    return *this;
  }
  friend bool operator==(const PushReport&, const PushReport&) = default;
};

}  // namespace trireme::ps
