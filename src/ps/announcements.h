#pragma once
// Which keys of its tables a server will be pushed at a clock (sync): those that workers asked for.
// What nobody asked for stays as it is until the clock is over, and may be given away before.

#include <cstdint>
#include <span>
#include <vector>

namespace trireme::ps {

class Announcements {
 public:
  Announcements(size_t tables, int workers);

  // keys: ascending; all that `worker` asks of the table at `clock`, which is the open one or the
  // next.
  void add(int table, int worker, int64_t clock, std::span<const int64_t> keys);
  bool complete(int table, int64_t clock) const;  // every worker's keys are known
  // Which of `keys` (ascending) nobody asked for at `clock`. Only when complete().
  std::vector<bool> untouched(int table, int64_t clock, std::span<const int64_t> keys) const;
  void forget(int64_t clock);

 private:
  struct OfTable {
    std::vector<bool> known;    // by worker
    std::vector<int64_t> keys;  // of all workers; ascending, each once
  };
  static size_t slot(int64_t clock) { return static_cast<size_t>(clock & 1); }
  const OfTable& of(int table, int64_t clock) const {
    return clocks_[slot(clock)][static_cast<size_t>(table)];
  }

  std::vector<OfTable> clocks_[2];  // the open one, and the next; by table
  std::vector<int64_t> merged_;
};

}  // namespace trireme::ps
