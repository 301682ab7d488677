#pragma once
// Exactly once: which of one sender's messages have been taken, however often and in whatever order
// they come.

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace trireme::ps {

// Everything up to a high-water mark, and a bitmap of what came early. Bounded memory: a sender
// never has more than kWindow messages without an answer.
class PushWindow {
 public:
  static constexpr uint64_t kWindow = 1024;
  enum class Admission {
    fresh,     // for the first time: to be applied, now
    repeated,  // taken before: to be answered again, not applied
    beyond,    // more than kWindow ahead of what is missing: no sender of ours does that
  };
  // Numbers begin at 1.
  Admission admit(uint64_t sequence);
  uint64_t high_water() const { return high_water_; }  // all up to here were taken

 private:
  uint64_t high_water_ = 0;
  std::bitset<kWindow> early_;  // bit (s % kWindow): s was taken, high_water_ < s
};

}  // namespace trireme::ps
