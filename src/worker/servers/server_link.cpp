#include "worker/servers/server_link.h"

#include <numeric>
#include <utility>

namespace trireme {
namespace {

// Seconds that a worker waits longer than a server, which knows which worker it is that is missing.
constexpr double kGrace = 2;

std::vector<int> server_ranks(int workers, int servers) {
  std::vector<int> ranks(static_cast<size_t>(servers));
  std::iota(ranks.begin(), ranks.end(), workers);
  return ranks;
}

}  // namespace

ServerLink::ServerLink(Subgroup& workers, const ps::Placement& placement,
                       const ps::ClientConfig& config, float* weights, double timeout,
                       const ps::Faults& faults)
    : workers_(workers.size()),
      timeout_(timeout),
      client_(config, placement, weights),
      link_(
          workers.parent(), server_ranks(workers.size(), placement.servers()),
          [this](const ps::Header& h) { return client_.place(h); }, faults, workers.regions()) {}

bool ServerLink::advance() {
  bool moved = false;
  ps::Message m;
  while (client_.poll(m)) {
    link_.send(std::move(m));
    moved = true;
  }
  moved = link_.advance() || moved;
  const bool waits = !up_to_date();
  if (waits && !waiting_) since_ = Clock::now();
  while (!idle() && link_.receive(m)) {
    client_.on_message(std::move(m));
    since_ = Clock::now();
    moved = true;
  }
  waiting_ = !up_to_date();
  return moved;
}

void ServerLink::check(int64_t step) {
  if (!waiting_) return;
  std::vector<int> silent = client_.silent();
  for (int& server : silent) server += workers_;
  const std::string what = client_.awaited();
  link_.check(silent, {timeout_ + kGrace, what, step}, since_);
}

}  // namespace trireme
