#pragma once
// What a codec made of this rank's pushes to servers, push by push.

#include <optional>
#include <string>

#include "comm/communicator.h"
#include "worker/exchange/exchange.h"

namespace trireme {

class CodingReport {
 public:
  explicit CodingReport(std::string codec) : codec_(std::move(codec)) {}
  void add(const std::optional<Coding>& push);  // null: nothing was coded
  bool empty() const { return sums_.pushes == 0; }
  // Takes in what the other workers sent. Collective.
  void gather(Communicator& workers, const Wait& wait);
  std::string in_words() const;

 private:
  struct Sums {
    int64_t pushes = 0, bytes = 0, plain_bytes = 0;
    double error = 0;
  };
  std::string codec_;
  Sums sums_;
};

}  // namespace trireme
