#include "worker/exchange/host_gather.h"

namespace trireme {
namespace {
constexpr int kTagBlock = 100;
}

HostGather::HostGather(Communicator& comm, const Topology& topology, double timeout)
    : comm_(comm), topology_(topology), timeout_(timeout) {}

HostGather::~HostGather() {
  for (Ticket t : open_) comm_.cancel(t);
}

void HostGather::start(std::span<const MutableBytes> blocks, const char* what, int64_t step) {
  what_ = what;
  step_ = step;
  since_ = Clock::now();
  const MutableBytes mine = blocks[static_cast<size_t>(topology_.my_node)];
  for (int host = 0; host < topology_.nodes; ++host) {
    if (host == topology_.my_node) continue;
    const int peer = topology_.leader_ranks[static_cast<size_t>(host)];
    open_.push_back(comm_.receive(peer, kTagBlock, blocks[static_cast<size_t>(host)]));
    open_.push_back(comm_.send(peer, kTagBlock, mine));
  }
}

bool HostGather::advance() {
  return std::erase_if(open_, [&](Ticket t) { return comm_.test(t); }) > 0;
}

void HostGather::check() {
  if (open()) comm_.check(open_, {timeout_, what_, step_}, since_);
}

}  // namespace trireme
