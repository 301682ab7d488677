#pragma once
// A barrier for all lanes of all ranks of one node, in a Window. Spins briefly (not at all when members
// outnumber cores), then sleeps on a futex, looks whether the peers' processes still live and whether
// somebody called fail(), and gives up after the deadline.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "comm/communicator.h"

namespace trireme {

struct BarrierState {  // lives in the window, zero-initialised
  alignas(64) std::atomic<uint32_t> arrived;
  alignas(64) std::atomic<uint32_t> generation;
  alignas(64) std::atomic<uint32_t> sleepers;
  std::atomic<uint32_t> failed;  // 0, or 1 + rank of the first that failed
  char reason[464];              // of the first failure, written before `failed`
  std::atomic<int64_t> last_step[256];  // by member: what it last announced; for the hang report
};

class NodeBarrier {
 public:
  // `members`: lanes on this node; `me`: this lane's index among them. `ranks`: the node's ranks, for liveness;
  // `rank_of_member`: rank of each member lane.
  NodeBarrier(BarrierState* state, int members, int me, std::span<const Member> ranks,
              std::span<const int> rank_of_member);
  // Returns when all members arrived; what they wrote before is visible after. Throws CommError: a peer
  // died ("rank 1 (host a, pid 7) died; step 12, lane 3 waited for all-reduce"), failed (its reason), or
  // the deadline passed (names who had not arrived).
  void arrive_and_wait(const Wait& wait);
  // Wakes all members with a CommError that carries `why`. The first caller's reason wins. Any thread.
  void fail(std::string_view why) noexcept;

 private:
  BarrierState* state_;
  int members_, me_;
  std::vector<Member> ranks_;
  std::vector<int> rank_of_member_;
  int spins_;
};

}  // namespace trireme
