// Who is answered when, and with what.
#include <algorithm>

#include "ps/server_core.h"

namespace trireme::ps {

bool ServerCore::may_answer(const Header& pull) const {
  if (sync()) return open_ >= pull.need;
  const int64_t clock = static_cast<int64_t>(pull.clock);
  int64_t need = pull.need;
  if (config_.consistency.mode == Mode::bounded)
    need = std::max(need, clock - config_.consistency.staleness);
  return clocks_.slowest() >= need && clocks_.completed(pull.worker) >= clock;
}

void ServerCore::answer_pulls() {
  for (Waiting& pull : waiting_) {
    if (may_begin(pull)) answer_first_part(pull);
    if (pull.answered || !may_answer(pull.header)) continue;
    switch (static_cast<Kind>(pull.header.kind)) {
      case Kind::pull:
        answer(pull);
        pull.answered = pull.blocks.empty();
        break;
      case Kind::fetch:
        pull.answered = all_told(pull.header);
        if (pull.answered) answer_reports(pull.header);
        break;
      default:
        answer_rows(pull);
        pull.answered = true;
    }
  }
  std::erase_if(waiting_, [](const Waiting& pull) { return pull.answered; });
}

// A server that has no blocks says how the clock ended, too: of block -1. Weights are sent from
// where they lie if nothing changes them on their way: in sync mode the next commit waits for this
// worker's push, and that for these weights; one without samples takes part in the step's sums when
// it has them.
void ServerCore::answer(Waiting& pull) {
  if (!sync()) meeting_.begin(pull.header.worker, static_cast<int64_t>(pull.header.clock));
  const bool whole = !sync() || (pull.header.flags & kWhole) || (verdict_ & kApplied);
  std::erase_if(pull.blocks, [&](int block) {
    if (std::ranges::find(to_apply_, block) != to_apply_.end()) return false;
    Header h = pull.header;
    h.kind = static_cast<uint16_t>(Kind::pulled);
    h.block = block;
    h.version = block < 0 ? 0 : store_.version(block);
    h.slowest = sync() ? open_ : clocks_.slowest();
    h.flags = verdict_;
    h.grad_norm = grad_norm_;
    h.scalars = scalars_;
    h.meet_at = meeting_.at();
    h.requests = meeting_.requests();
    if (block >= 0 && given_.keeps())
      given_.give(h.worker, block, store_.values(block, kWeights), h.version);
    say(h, block >= 0 && whole ? std::as_bytes(store_.values(block, kWeights)) : Bytes{}, !sync());
    return true;
  });
}

}  // namespace trireme::ps
