#include "ps/serve.h"

#include <numeric>

namespace trireme::ps {
namespace {

constexpr int kLooksPerCheck = 64;  // looks that found nothing, before one for trouble
constexpr double kForEver = 1e9;    // seconds
constexpr int kBusyLooks = 16;  // looks that found something, before a copy goes on all the same

}  // namespace

int serve(ServerCore& core, Link& link, const ServeOptions& options) {
  const auto start = Clock::now();
  const auto time_of = [&](double seconds) {
    return start +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  std::vector<int> everybody(static_cast<size_t>(options.workers));
  std::iota(everybody.begin(), everybody.end(), 0);
  int looks = 0, busy = 0;
  while (!core.finished() || link.owes()) {
    bool moved = link.advance();
    for (Message m; link.receive(m); moved = true) {
      core.on_message(std::move(m), seconds_since(start));
      if (options.after_message) options.after_message(core.clock());
      for (Message answer; core.poll(answer); link.advance())  // travels while the next is made
        link.send(std::move(answer));
    }
    if (moved) {
      looks = 0;
      if (++busy % kBusyLooks == 0) core.advance_files();
      continue;
    }
    if (++looks % kLooksPerCheck == 0) {
      link.check(everybody, {kForEver, "the workers", -1}, start);
      if (const auto late = core.awaited())
        link.check(late->workers, {options.timeout, late->what, late->step}, time_of(late->since));
    }
    if (!core.advance_files()) link.idle(looks);
  }
  return core.exit_code();
}

}  // namespace trireme::ps
