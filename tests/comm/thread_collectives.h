#pragma once
// CollectiveFunctions over host memory, for ranks that are threads of one process. Collectives
// really sum, in the order of ranks, and return when all members have come. Streams are ignored.
// Fails and stalls where a test asks for it, and keeps what was called.

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tensor/collective_functions.h"

namespace trireme {

// One at a time in a process: entries of a C table find it through a static pointer.
class ThreadCollectives {
 public:
  enum class Call { make_id, join, poll, collective, close };
  struct Meeting;  // the members of one id

  ThreadCollectives();
  ThreadCollectives(const ThreadCollectives&) = delete;
  ThreadCollectives& operator=(const ThreadCollectives&) = delete;
  ~ThreadCollectives();

  const CollectiveFunctions& functions() const;

  // From now on `call` of `rank` fails. A failed collective fails poll() of the others.
  void poison(int rank, Call call, std::string reason);
  // From now on joining or closing of `rank` never ends, and so nobody's does.
  void stall(int rank, Call call);

  // As "join 0 of 2", "all_reduce 12 f32", "abort"; without poll. An abort of what had ended
  // already is none.
  std::vector<std::string> calls(int rank);
  Membership membership(int rank);  // of the last join

 private:
  friend struct ThreadEntries;
  struct Rank {
    std::vector<std::string> calls;
    std::map<Call, std::string> poison;
    std::set<Call> stalled;
    Membership membership{};
  };
  std::mutex mutex_;
  std::map<int, Rank> ranks_;
  std::vector<std::shared_ptr<Meeting>> meetings_;  // an id is an index
};

}  // namespace trireme
