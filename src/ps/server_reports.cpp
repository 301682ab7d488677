// What workers tell of themselves with their pulls, for the one that keeps the records.
#include <algorithm>
#include <cstring>

#include "ps/server_core.h"

namespace trireme::ps {

// Pulls may overtake each other; a later one says more.
void ServerCore::take_report(const Message& pull) {
  if (pull.payload.empty()) return;
  Told& told = told_[static_cast<size_t>(pull.header.worker)];
  if (pull.payload.size() != sizeof told.report) refuse(pull.header, "a report of another size");
  const auto clock = static_cast<int64_t>(pull.header.clock);
  if (clock <= told.clock) return;
  told.clock = clock;
  std::memcpy(&told.report, pull.payload.data(), sizeof told.report);
}

// In step: with their pulls for the same clock; else this worker with its own.
bool ServerCore::all_told(const Header& question) const {
  const auto clock = static_cast<int64_t>(question.clock);
  const auto has = [&](const Told& told) { return told.clock >= clock; };
  return sync() ? std::ranges::all_of(told_, has)
                : has(told_[static_cast<size_t>(question.worker)]);
}

// Added up in the order of workers.
void ServerCore::answer_reports(const Header& question) {
  PushReport sum;
  for (const Told& told : told_) sum += told.report;
  say(Kind::fetched, question, std::as_bytes(std::span(&sum, 1)), true);
}

}  // namespace trireme::ps
