#pragma once
// A barrier for all lanes of all ranks of one node, in a Window. Spins briefly (not at all when
// members outnumber cores), then sleeps on a futex, looks whether the peers' processes still live
// and whether somebody called fail(), and gives up after the deadline.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "comm/communicator.h"
#include "comm/process.h"

namespace trireme {

constexpr int kMaxBarrierMembers = 1024;

struct BarrierState {  // lives in the window, zero-initialised
  alignas(64) std::atomic<uint32_t> arrived;
  alignas(64) std::atomic<uint32_t> generation;
  alignas(64) std::atomic<uint32_t> sleepers;
  std::atomic<uint32_t> claimed;  // 1: somebody is writing, or wrote, the reason
  std::atomic<uint32_t> failed;   // 0, or 1 + rank of the first that failed or found a failure
  char reason[464];               // the sentence of the first failure, written before `failed`
  std::atomic<int64_t>
      last_step[kMaxBarrierMembers];  // by member: what it last announced; for the hang report
  std::atomic<uint32_t>
      last_seen[kMaxBarrierMembers];  // by member: 1 + the generation it last arrived in
};

class NodeBarrier {
 public:
  // `members`: lanes on this node; `me`: this lane's index among them. `ranks`: the node's ranks,
  // for liveness; `rank_of_member`: rank of each member lane.
  NodeBarrier(BarrierState* state, int members, int me, std::span<const Member> ranks,
              std::span<const int> rank_of_member);
  // Returns when all members arrived; what they wrote before is visible after. Throws CommError: a
  // peer died ("rank 1 (host a, pid 7) died; rank 0 (host a) waited for all-reduce at step 12"),
  // failed (its reason), or the deadline passed (names who had not arrived, and their last steps).
  // All members get the same sentence. A rank that is not visible in /proc when the barrier is made
  // is not watched.
  void arrive_and_wait(const Wait& wait);
  // Wakes all members with the CommError "rank 1 (host a) failed: why". The first caller's reason
  // wins. Any thread.
  void fail(std::string_view why) noexcept;
  // Throws that CommError when somebody failed or found a failure. Any thread.
  void check() const;

 private:
  bool passed(uint32_t generation) const;
  void sleep_until_passed(uint32_t generation, const Wait& wait);
  void publish(std::string_view sentence) noexcept;
  [[noreturn]] void report_death(const Member& dead, const Wait& wait);
  [[noreturn]] void report_deadline(uint32_t generation, const Wait& wait);
  const Member& member(int lane) const;
  int lane_in_rank(int lane) const;

  BarrierState* state_;
  int members_, me_;
  std::vector<Member> ranks_;
  std::vector<int> rank_of_member_;
  int spins_;
  ProcessWatch watch_;
};

}  // namespace trireme
