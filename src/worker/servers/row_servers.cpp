#include "worker/servers/row_servers.h"

#include <algorithm>

namespace trireme {
RowServers::RowServers(Subgroup& workers, const ps::Placement& placement,
                       const ps::ClientConfig& config, double timeout, const ps::Faults& faults)
    : workers_(workers),
      placement_(placement),
      timeout_(timeout),
      link_(workers, placement, config, nullptr, timeout, faults),
      clock_(config.start_clock) {}

void RowServers::move_until(const std::function<bool()>& done) {
  for (int looks = 0; !done();) {
    if (link_.advance()) {
      looks = 0;
      continue;
    }
    link_.idle(looks);
    if (++looks % ServerLink::kLooksPerCheck == 0) link_.check(clock_);
  }
}

void RowServers::ask(const std::function<void(ps::ClientCore&)>& questions) {
  questions(link_.client());
  move_until([this] { return link_.idle(); });
}

void RowServers::tell(const std::function<void(ps::ClientCore&)>& words) {
  words(link_.client());
  link_.advance();
}

// What others wait for has left before this worker waits for them.
void RowServers::take_squares(std::span<double> squares) {
  ps::ClientCore& client = link_.client();
  if (first()) client.await_partials();
  move_until([this] { return link_.up_to_date(); });
  if (first()) std::ranges::copy(client.partials(), squares.begin());
  workers_.broadcast(std::as_writable_bytes(squares), 0,
                     {timeout_, "the servers' norms of rows", clock_});
}

void RowServers::conclude(const OptimizerScalars& scalars, const StepVerdict& verdict) {
  tell([&](ps::ClientCore& client) {
    if (first()) client.commit(clock_, scalars, verdict);
    client.rows_are_due();
  });
  ++clock_;
}

}  // namespace trireme
