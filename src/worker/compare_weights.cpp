#include "worker/compare_weights.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "worker/agreement.h"
#include "worker/session.h"

namespace trireme {

void compare_weights(const Session& s, int64_t step) {
  const auto weights =
      std::as_bytes(std::span(s.state->params(), static_cast<size_t>(s.graph->params().size())));
  std::string mine;
  if (s.state->owns_state()) mine = sha256(weights).hex() + (s.tables ? s.tables->digest() : "");
  const auto all = s.comm.all_gather(std::as_bytes(std::span(mine)),
                                     {s.experiment.run.timeout, "the weights' hashes", step});
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank].empty() || all[rank] == all[0]) continue;
    const Member& m = s.comm.members()[rank];
    throw AgreedError(
        ExitCode::communication,
        fmt::format("step {}: the weights of host {} (rank {}) differ from host {}'s (rank 0)",
                    step, m.host, rank, s.comm.members()[0].host),
        "a host computes or stores wrongly: check its memory, then resume from the last "
        "checkpoint");
  }
}

}  // namespace trireme
