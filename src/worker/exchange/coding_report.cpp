#include "worker/exchange/coding_report.h"

#include <fmt/format.h>

#include <cstring>
#include <span>

#include "base/text.h"

namespace trireme {

void CodingReport::add(const std::optional<Coding>& push) {
  if (!push) return;
  ++sums_.pushes;
  sums_.bytes += push->bytes;
  sums_.plain_bytes += push->plain_bytes;
  sums_.error += push->error;
}

void CodingReport::gather(Communicator& workers, const Wait& wait) {
  const auto all = workers.all_gather(std::as_bytes(std::span(&sums_, 1)), wait);
  sums_ = {};
  for (const auto& bytes : all) {
    Sums theirs;
    std::memcpy(&theirs, bytes.data(), sizeof theirs);
    sums_.pushes += theirs.pushes;
    sums_.bytes += theirs.bytes;
    sums_.plain_bytes += theirs.plain_bytes;
    sums_.error += theirs.error;
  }
}

std::string CodingReport::in_words() const {
  return fmt::format(
      "{} pushes in {}: {} instead of {} ({:.3g} %); what a push left out had {:.3g} of its "
      "norm on average",
      sums_.pushes, codec_, human_bytes(static_cast<double>(sums_.bytes)),
      human_bytes(static_cast<double>(sums_.plain_bytes)),
      100 * static_cast<double>(sums_.bytes) / static_cast<double>(sums_.plain_bytes),
      sums_.error / static_cast<double>(sums_.pushes));
}

}  // namespace trireme
