#pragma once
#include <chrono>
#include <string>

namespace trireme {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
inline Deadline deadline_in(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}
// 2026-11-22T10:15:30Z
std::string utc_now();

}  // namespace trireme
