#include "worker/coding_report.h"

#include <fmt/format.h>

#include "base/text.h"

namespace trireme {

void CodingReport::add(const std::optional<Coding>& push) {
  if (!push) return;
  ++pushes_;
  bytes_ += push->bytes;
  plain_bytes_ += push->plain_bytes;
  error_ += push->error;
}

void CodingReport::tell(StepRecord& record) const {
  record.coded_pushes = pushes_;
  record.codec_saved_bytes = static_cast<double>(plain_bytes_ - bytes_);
  record.codec_error = error_;
}

std::string CodingReport::in_words() const {
  return fmt::format(
      "pushes of rank 0 in {}: {} instead of {} ({:.3g} %); what a push left out had {:.3g} of its "
      "norm on average",
      codec_, human_bytes(static_cast<double>(bytes_)),
      human_bytes(static_cast<double>(plain_bytes_)),
      100 * static_cast<double>(bytes_) / static_cast<double>(plain_bytes_),
      error_ / static_cast<double>(pushes_));
}

}  // namespace trireme
