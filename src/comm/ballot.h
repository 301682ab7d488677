#pragma once
// Did all ranks succeed at something that each does at its own pace and may wait for? Polled, so
// that a rank that failed is heard by those that still wait for it.
//
// Every rank makes one and casts once: its failure, or "". Rank 0 decides when somebody failed or
// everybody succeeded. A rank that learns the result before it has cast does not cast any more.
// After a failure there is no other ballot: a slip may still be on its way.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"

namespace trireme {

class Ballot {
 public:
  explicit Ballot(Communicator& comm);
  Ballot(const Ballot&) = delete;
  Ballot& operator=(const Ballot&) = delete;
  ~Ballot();

  void cast(std::string_view failure);  // cut at some 500 bytes
  bool is_cast() const { return cast_; }
  bool decided();  // looks; never waits
  // When decided: the first that rank 0 heard of; "": all succeeded.
  const std::string& failure() const { return failure_; }
  std::span<const Ticket> open() const { return open_; }  // for Communicator::check()

 private:
  using Slip = std::array<char, 512>;  // text that ends with 0
  void collect();
  void announce();

  Communicator& comm_;
  std::vector<Slip> slips_;   // what comes in: on rank 0 by rank, elsewhere [0], the result
  Slip mine_{};               // what goes out: on rank 0 the result, elsewhere what was cast
  std::vector<Ticket> open_;  // receives
  std::vector<size_t> into_;  // their slips
  std::vector<Ticket> sends_;
  std::string failure_;
  bool cast_ = false, decided_ = false;
};

}  // namespace trireme
