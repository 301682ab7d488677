#pragma once
// What a codec made of this rank's pushes to servers, push by push.

#include <optional>
#include <string>

#include "worker/exchange.h"
#include "worker/run_log.h"

namespace trireme {

class CodingReport {
 public:
  explicit CodingReport(std::string codec) : codec_(std::move(codec)) {}
  void add(const std::optional<Coding>& push);  // null: nothing was coded
  bool empty() const { return pushes_ == 0; }
  void tell(StepRecord& record) const;
  std::string in_words() const;

 private:
  std::string codec_;
  int64_t pushes_ = 0, bytes_ = 0, plain_bytes_ = 0;
  double error_ = 0;  // sum over pushes
};

}  // namespace trireme
