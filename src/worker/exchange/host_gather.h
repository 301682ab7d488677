#pragma once
// Small blocks that each host gives to every other: leaf sums, requests.

#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "worker/exchange/topology.h"

namespace trireme {

class HostGather {
 public:
  // Between the first ranks of each host. Borrows both.
  HostGather(Communicator& comm, const Topology& topology, double timeout);
  ~HostGather();  // lets go of what is under way
  HostGather(const HostGather&) = delete;
  HostGather& operator=(const HostGather&) = delete;

  // blocks[h] is host h's part. One at a time; all hosts in the same order.
  void start(std::span<const MutableBytes> blocks, const char* what, int64_t step);
  bool open() const { return !open_.empty(); }
  bool advance();  // false: nothing has become possible
  // Throws CommError as Communicator::wait() would.
  void check();

 private:
  Communicator& comm_;
  const Topology& topology_;
  const double timeout_;
  std::string what_;
  int64_t step_ = -1;
  Clock::time_point since_;
  std::vector<Ticket> open_;
};

}  // namespace trireme
