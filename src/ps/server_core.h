#pragma once
// One server: takes gradients, applies the optimizer, gives weights. No thread, socket or clock
// inside: a driver brings messages and the time, and takes messages away. One thread calls; it may
// have others help, which changes no bit.
//
// Guarantees: each question is taken once, whatever is repeated, reordered or late. In sync mode a
// clock is applied when all workers' pieces of it are there and worker 0 says so, and then seen by
// everybody at once. In bounded mode no pull for clock c is answered before every worker has
// completed clock c - staleness - 1. A worker's pull sees all of its own pushes.

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "ps/announcements.h"
#include "ps/clocks.h"
#include "ps/codec.h"
#include "ps/consistency.h"
#include "ps/delay_compensation.h"
#include "ps/dense_store.h"
#include "ps/meeting.h"
#include "ps/message.h"
#include "ps/push_report.h"
#include "ps/push_window.h"
#include "ps/state_copy.h"
#include "ps/state_restore.h"
#include "ps/sync_clock.h"
#include "ps/table_store.h"

namespace trireme::ps {

struct ServerConfig {
  int server = 0, workers = 1;
  uint32_t generation = 0;
  Consistency consistency;
  int64_t start_clock = 0;             // steps done before
  std::vector<LeafRun> runs;           // leaves of each worker
  int shards = 1;                      // of the whole batch
  bool average = false;                // keep a moving average of the weights
  std::vector<TableSpec> tables = {};  // whose rows live on the servers
  uint64_t seed = 0;                   // of their initial values
  bool rowwise = false;                // RowOptimizer's
  double clip_row_norm = 0;            // likewise
  CodecSpec codec = {};                // of pushes of blocks
  double delay_compensation = 0;       // lambda of compensate(); bounded, async
  int64_t push_every = 1;              // clocks that workers take between pushes; likewise
  LifeSpec life = {};                  // of their rows
  Spread spread = {};                  // threads that help with what takes long
};

// By how many updates a block had moved on when a push that was computed with its older weights
// was applied: 0, 1, 2-3, 4-7, ...
struct DelayCounts {
  std::array<int64_t, 24> by_power{};
  int64_t pushes = 0, sum = 0, most = 0;
  void add(int64_t updates);
};

struct ServerCounts {
  int64_t messages_in = 0, messages_out = 0, bytes_in = 0, bytes_out = 0;  // bytes: of payloads
  int64_t repeated = 0, of_earlier_runs = 0;                               // and not taken
  int64_t rows = 0, early_rows = 0;  // given to workers; of these, before the clock ahead was over
  DelayCounts delay;                 // bounded, async
};

class ServerCore {
 public:
  // Borrows kernels, optimizer, params and placement. `weights`: DenseStore's.
  ServerCore(const ServerConfig& config, const KernelTable& kernels, const Optimizer& optimizer,
             const ParamTable& params, const Placement& placement, float* weights = nullptr);

  // A sound message from a worker. Throws FormatError for one that breaks the protocol.
  void on_message(Message&& message, double now);
  // The next answer; false: none. Committed blocks are applied here, one by one, so that each can
  // leave while the next is worked on; rows that nobody waits for are stepped when all have left.
  bool poll(Message& out);

  // Who writes what this server holds when worker 0 wants it saved, and who reads it when it is to
  // be restored; null: nobody can. Borrowed.
  void save_with(StateWriter* writer) { writer_ = writer; }
  void restore_with(StateReader* reader) { reader_ = reader; }
  // Goes on with either, a piece at a time, when there is nothing to answer. false: there is
  // nothing to do, or the writer has to catch up.
  bool advance_files();

  // Clocks done: by all workers together (sync), or by the slowest.
  int64_t clock() const { return sync() ? open_ : clocks_.slowest(); }
  bool finished() const { return byes_ == config_.workers; }
  int exit_code() const { return exit_code_; }  // the largest that a worker said
  // What has not come although somebody waits for it, for the report of a hang.
  struct Awaited {
    std::string what;
    int64_t step = 0;
    std::vector<int> workers;
    double since = 0;
  };
  std::optional<Awaited> awaited() const;
  const ServerCounts& counts() const { return counts_; }
  const DenseStore& store() const { return store_; }
  const TableStore& tables() const { return tables_; }
  const GivenWeights& given() const { return given_; }

 private:
  struct Told {
    int64_t clock = -1;  // that the pull was for
    PushReport report;
  };
  struct Waiting {  // a pull, or a question for reports
    Header header;
    double since = 0;
    std::vector<int64_t> keys = {};  // of rows
    bool begun = false;              // of rows: the first part has left
    std::vector<int> blocks = {};    // not yet answered, in the order in which forward needs them
    bool answered = false;
  };
  bool take(const Message& message);
  void push(Message&& message, double now);
  void decode(Message& message) const;
  void push_to_clock(Message&& message, double now);
  void push_at_once(Message&& message);
  void compensate(Message& message) const;
  void push_rows(Message&& message, double now);
  void open(double now);
  void conclude(double now);
  void commit(const Message& message);
  void load(const Message& message);
  void fetch(const Header& header);
  Waiting pull_rows(const Message& message, double now);
  bool may_begin(const Waiting& pull) const;
  void answer_first_part(Waiting& pull);
  void load_rows(const Message& message);
  void fetch_rows(const Header& header);
  void save(const Message& message);
  void restore(const Message& message);
  void fetch_progress(const Header& header);
  void require_table(const Header& header) const;
  Part require_part(const Header& header) const;
  // `body`, which may refuse what the message brings; then the header is named.
  template <class Body>
  void attempt(const Header& header, Body body) const {
    try {
      body();
    } catch (const FormatError& e) {
      refuse(header, e.what());
    }
  }
  bool takes_part() const;
  bool may_answer(const Header& pull) const;
  void answer_pulls();
  void answer(Waiting& pull);
  void take_report(const Message& pull);
  bool all_told(const Header& question) const;
  void answer_reports(const Header& question);
  void apply_next();
  void answer_rows(const Waiting& pull);
  bool has_block(int block) const;
  void begin_with_weights(int block);
  std::span<float> buffer_of(const Header& header) const;
  void say(Kind kind, const Header& question, Bytes payload, bool copy = false);
  void say(const Header& header, Bytes payload, bool copy);
  void say(Kind kind, const Header& question, Payload payload, size_t bytes);
  void send(Message&& message);
  [[noreturn]] void refuse(const Header& header, const std::string& why) const;
  bool sync() const { return config_.consistency.mode == Mode::sync; }

  const ServerConfig config_;
  const Placement& placement_;
  DenseStore store_;
  TableStore tables_;
  Announcements announced_;
  SyncClock clock_;
  int64_t open_;                      // the clock that is open (sync)
  std::optional<double> opened_at_;   // when its first gradient came
  std::optional<double> reduced_at_;  // when all of them were there and added up
  std::vector<double> partials_;
  std::vector<int> use_order_;  // the server's blocks
  std::deque<int> to_apply_;    // blocks that the last commit has not reached yet
  uint32_t verdict_ = 0;        // flags of the last commit
  double grad_norm_ = 0;
  OptimizerScalars scalars_{};
  Clocks clocks_;                    // bounded, async
  GivenWeights given_;               // likewise, for compensate()
  Meeting meeting_;                  // of the first server
  std::vector<PushWindow> windows_;  // by worker
  std::vector<Told> told_;           // by worker
  std::deque<Waiting> waiting_;
  std::deque<Message> out_;
  std::shared_ptr<PayloadPool> pool_ = PayloadPool::make();
  ServerCounts counts_;
  StateWriter* writer_ = nullptr;
  std::unique_ptr<StateCopy> copy_;  // of the last time that it was to be saved
  StateReader* reader_ = nullptr;
  std::unique_ptr<StateRestore> restore_;
  int byes_ = 0, exit_code_ = 0;
};

}  // namespace trireme::ps
