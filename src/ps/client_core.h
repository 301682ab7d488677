#pragma once
// A worker's side of the parameter server: asks, and keeps what is asked until it is answered. No
// thread, socket or clock inside; see server_core.h. One thread at a time.

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "comm/tree.h"
#include "ps/consistency.h"
#include "ps/dealt_rows.h"
#include "ps/life_counts.h"
#include "ps/message.h"
#include "ps/placement.h"
#include "ps/push_coder.h"
#include "ps/push_report.h"

namespace trireme::ps {

struct ClientConfig {
  int worker = 0, workers = 1;
  uint32_t generation = 0;
  Consistency consistency;
  int64_t start_clock = 0;     // steps done before
  int tables = 0;              // whose rows live on the servers
  double clip_table_norm = 0;  // RowClip::table; worker 0, sync
  CodecSpec codec;             // of pushes of blocks
  size_t in_flight = 16;       // due questions to each server without an answer; others wait here
};

struct PullResult {
  uint32_t verdict = 0;  // kApplied, kFinite of the last commit (sync)
  double grad_norm = 0;
  OptimizerScalars scalars{};  // of that commit
  int64_t slowest = 0;         // the fewest clocks that a worker had completed, at any server
  int64_t meet_at = -1;
  uint32_t requests = 0;
  // Worker 0, of what all workers told: sync, with their pulls of this clock; else with their last.
  PushReport reports;
};

struct ClientCounts {
  int64_t messages_out = 0, bytes_out = 0, bytes_in = 0;
};

class ClientCore {
 public:
  // `weights`: the whole index space, where pulls arrive. Borrows it and the placement.
  ClientCore(const ClientConfig& config, const Placement& placement, float* weights);

  // Floats of questions are borrowed until they are answered (idle()); those that are coded are
  // not. Sync: the sum of `piece`. Else: all that this worker has for the clock, to be applied at
  // once with `scalars`; null: nothing. It speaks for the clocks from `since` on; below 0: that
  // one.
  void push(int block, int64_t clock, const float* floats, Piece piece, int64_t samples);
  void push(int block, int64_t clock, const float* floats, const OptimizerScalars& scalars,
            int64_t since = -1);
  // The weights that clock `clock` begins with. Sync: after the verdict of the clock before; else
  // when all workers have completed `need` clocks. whole: although none changed. report: of this
  // worker so far, where all have something to tell; copied.
  void pull(int64_t clock, int64_t need, bool whole, uint32_t requests = 0,
            const PushReport* report = nullptr);
  void load(int block, uint32_t buffer, const float* floats);
  void fetch(int block, uint32_t buffer, float* into);
  void bye(int exit_code);

  // Rows of a table on one server: keys ascending and that server's; TableStore has the payloads.
  // Answered when a pull for `clock` would be. flags: kTrains where the rows are to be trained on;
  // with kAhead, which leaves them time until the clock before is over, into has ahead_bytes().
  void pull_rows(int table, int server, int64_t clock, std::span<const int64_t> keys,
                 uint32_t flags, MutableBytes into);
  // Once for each table, server and clock. Sync: what this worker's leaves give, as a few nodes of
  // the tree; `scalars` do not matter. Else: its sum, to be applied at once. Copied.
  void push_rows(int table, int server, int64_t clock, const DealtRows& rows,
                 const OptimizerScalars& scalars);
  void load_rows(int table, int server, Part part, Bytes rows);
  // At most `most` of the server's rows by ascending key, from `first` on, into.size() / most bytes
  // each. *all: how many there are since 0 was asked for.
  void fetch_rows(int table, int server, Part part, int64_t first, int64_t most, MutableBytes into,
                  int64_t* all);
  void fetch_counts(int table, int server, LifeCounts* into);
  // Worker 0: the server writes what it alone holds, as it is when it answers, to `place`, if it
  // sees that; look_only: it only says so (*sees: 1 or 0). rows: how many each of
  // TableStore::parts() has.
  void save(int server, std::string_view place, bool look_only, std::span<int64_t> rows,
            int64_t* sees);
  // Worker 0: the server reads all that it holds from `place`, likewise.
  void restore(int server, std::string_view place, bool look_only, int64_t* sees);
  // what: kSaving or kRestoring.
  void fetch_progress(int server, uint32_t what, FileProgress* into);

  // Worker 0, sync: the servers' partial sums of the open clock, which may all have come before
  // this worker begins with it; by chunk of the index space, then by table and virtual shard. They
  // stay until the verdict is said.
  bool has_partials() const { return partials_missing_.empty(); }
  std::span<const double> partials() const { return partials_; }
  void await_partials() { awaits_partials_ = true; }  // idle() means these, too
  void commit(int64_t clock, const OptimizerScalars& scalars, const StepVerdict& verdict);

  // The clock is over before which rows were asked for; pull() says so, too.
  void rows_are_due();
  // Everything was answered but rows that are not due.
  bool up_to_date() const { return open_ == ahead_ && (!awaits_partials_ || has_partials()); }
  PushCoder& coder() { return coder_; }

  // Everything was answered.
  bool idle() const { return open_ == 0 && (!awaits_partials_ || has_partials()); }
  // Everything was answered but for weights: of each pull, at least one block has come.
  bool concluded() const {
    return open_ == pulls_ && unheard_ == 0 && (!awaits_partials_ || has_partials());
  }
  const PullResult& result() const { return result_; }  // of the last pull, when concluded()
  // Of the last pull: weights from here on (elements of the index space) have come.
  int64_t weights_from() const {
    return missing_end_ == 0 ? 0 : placement_.blocks()[missing_end_ - 1].range.end;
  }

  void on_message(Message&& message);
  bool poll(Message& out);
  // Where the payload of a message that begins so may be received; empty: anywhere.
  MutableBytes place(const Header& header);
  // For the report of a hang: servers (numbers) that owe an answer, and what.
  std::vector<int> silent() const;
  std::string awaited() const;
  const ClientCounts& counts() const { return counts_; }

 private:
  struct Question {
    Message message;
    std::set<int> blocks;        // pull: not yet answered
    bool heard = false;          // pull: of some block
    MutableBytes into;           // fetch, pull_rows, fetch_rows, save, fetch_progress
    int64_t* version = nullptr;  // of the answer: fetch_rows, save, restore
    bool part_came[2] = {};      // pull_rows ahead
    bool due = true;             // an answer should come
    bool ahead() const {
      return message.header.flags & kAhead && message.kind() == Kind::pull_rows;
    }
  };
  struct Server {
    uint64_t sequence = 0;
    std::deque<Question> queued;
    std::map<uint64_t, Question> asked;  // by sequence
    size_t ahead = 0;                    // of these, not due
  };
  Header header(Kind kind, int server, int64_t clock) const;
  void own(Message& message, Bytes payload) const;
  void code(Question& question, const float* floats, Piece piece, double divisor);
  Question about(Kind kind, int block, int64_t clock, const float* floats) const;
  void ask(Question question);
  void report(Message& pull, const PushReport& mine);
  Question* answered(const Header& header);
  void end(const Header& header);
  void take_pulled(const Message& message);
  void take_partials(const Message& message);
  MutableBytes part_of(const Question& question, int part) const;
  bool take_part(Question& question, int part);
  Question rows(Kind kind, int table, int server, int64_t clock) const;
  bool takes_part(int server) const;
  void expect_partials(int64_t clock);
  [[noreturn]] void refuse(const Header& header, const char* why) const;

  const ClientConfig config_;
  const Placement& placement_;
  float* const weights_;
  std::vector<int64_t> versions_;  // by block, of the weights here
  std::vector<bool> missing_;      // by block: it was pulled and has not come
  std::vector<Server> servers_;
  size_t open_ = 0, ahead_ = 0;     // questions; those that are not due
  size_t pulls_ = 0, unheard_ = 0;  // open pulls; those of which nothing has come
  size_t missing_end_ = 0;          // past the last block of missing_
  int64_t partials_clock_;
  bool awaits_partials_ = false;
  std::vector<double> partials_;
  std::set<int> partials_missing_;  // servers
  std::shared_ptr<PayloadPool> pool_ = PayloadPool::make();
  PushCoder coder_;
  PullResult result_;
  ClientCounts counts_;
};

}  // namespace trireme::ps
