#pragma once
// A worker's end of the conversation with the servers: what its client asks travels, and answers
// come back, without waiting. One thread at a time.

#include <vector>

#include "comm/subgroup.h"
#include "ps/client_core.h"
#include "ps/link.h"

namespace trireme {

class ServerLink {
 public:
  // `workers`: the first ranks of a parent whose others are the servers. `weights`: ClientCore's.
  // Borrows all.
  ServerLink(Subgroup& workers, const ps::Placement& placement, const ps::ClientConfig& config,
             float* weights, double timeout, const ps::Faults& faults);

  ps::ClientCore& client() { return client_; }
  bool idle() const { return client_.idle() && !link_.sending(); }
  // But for weights: Exchange::await_weights().
  bool concluded() const { return client_.concluded() && !link_.sending(); }
  // But for rows that were asked for ahead.
  bool up_to_date() const { return client_.up_to_date() && !link_.sending(); }
  bool advance();                            // false: nothing moved
  static constexpr int kLooksPerCheck = 64;  // that found nothing, before one for trouble
  bool waiting() const { return waiting_; }
  // Throws CommError, naming the server and `step`, when one that owes an answer died or is silent
  // for too long.
  void check(int64_t step);
  void idle(int round) { link_.idle(round); }

 private:
  const int workers_;
  const double timeout_;
  ps::ClientCore client_;
  ps::Link link_;
  bool waiting_ = false;
  Clock::time_point since_;  // of the wait; each message begins it anew
};

}  // namespace trireme
