#pragma once
// Carries messages between ranks of a communicator. Node numbers are its ranks. Nothing waits: what
// moves, moves in advance() and receive(). One thread at a time.

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "comm/communicator.h"
#include "comm/node_regions.h"
#include "ps/message.h"

namespace trireme::ps {

// Made on purpose, from a seed: messages that come twice, late and out of order.
struct Faults {
  double repeat = 0;  // share of the messages
  double delay = 0;   // seconds at most
  uint64_t seed = 0;
};

class Link {
 public:
  // Where a payload may be received; empty: in memory of the message's own.
  using Place = std::function<MutableBytes(const Header&)>;
  // `peers`: from whom messages come; they are listened to from now on. Both ends make their link
  // before either sends. A payload that lies in this rank's region of `regions` is not sent to a
  // rank that can read it there; null: there are none.
  Link(Communicator& comm, std::vector<int> peers, Place place = {}, const Faults& faults = {},
       const NodeRegions* regions = nullptr);
  ~Link();  // lets go of what is under way
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void send(Message&& message);  // sealed; a borrowed payload stays until sending() is false
  // The next message that has come whole, of one peer after the other; false: none. Throws
  // FormatError for an unsound header.
  bool receive(Message& out);
  bool advance();  // lets go of what has been sent; false: nothing was
  bool sending() const { return !sent_.empty() || !late_.empty(); }
  // Likewise, but for what is only sent again: who has left does not take it any more.
  bool owes() const;
  // Throws what a wait for these peers that began at `since` would throw by now.
  void check(std::span<const int> peers, const Wait& wait, Clock::time_point since);
  void idle(int round) { comm_.idle(round); }

 private:
  struct Peer {
    int rank = 0;
    Header header;
    Ticket ticket = 0;
    bool payload = false;  // the ticket is the payload's, not a header's
    Message message;
  };
  struct Sent {
    Message message;
    std::vector<Ticket> open;
    bool again = false;  // a repeated one
  };
  struct Late {
    Clock::time_point at;
    Message message;
    bool again = false;
  };
  void post(Message&& message, bool again = false);
  void hold_back(Message&& message);
  bool post_late();
  void listen(Peer& peer);
  bool begin(Peer& peer);
  void refer(Peer& peer);

  Communicator& comm_;
  const Place place_;
  std::shared_ptr<PayloadPool> pool_ = PayloadPool::make();
  std::vector<std::unique_ptr<Peer>> peers_;
  size_t next_ = 0;
  std::deque<std::unique_ptr<Sent>> sent_;
  const Faults faults_;
  const NodeRegions* const regions_;
  std::mt19937_64 random_;
  std::vector<Late> late_;
};

}  // namespace trireme::ps
