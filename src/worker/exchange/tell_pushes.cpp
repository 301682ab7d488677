#include "worker/exchange/tell_pushes.h"

namespace trireme {

void tell(const ps::PushReport& p, StepRecord& record) {
  if (p.pulls > 0) {
    record.staleness_sum = static_cast<double>(p.behind);
    record.staleness_times = p.pulls;
    record.staleness_max = static_cast<double>(p.most_behind);
  }
  record.coded_pushes = p.pushes;
  record.codec_saved_bytes = static_cast<double>(p.plain_bytes - p.bytes);
  record.codec_error = p.left_out;
}

}  // namespace trireme
