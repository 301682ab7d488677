#pragma once
// Workers and servers under the simulator, with sgd at a rate of 1: a push of -1 adds 1.

#include <array>
#include <memory>
#include <vector>

#include "ps/simulator.h"

namespace trireme::ps {

struct ClusterSpec {
  int workers = 4, servers = 2;
  Consistency consistency;
  int64_t clocks = 6;
  int shards = 8;
  int tables = 0;      // of 64 keys each
  bool ahead = false;  // workers ask for the rows that they will push, a clock before
  LifeSpec life = {};  // of their rows
  CodecSpec codec;
  double delay_compensation = 0;
  int64_t push_every = 1;  // clocks; bounded and async, without tables
  bool tells = false;      // worker w tells after n clocks: n pulls, w n behind
  int64_t elements = 3 * kChunk + 640, block = kChunk;
  NetworkSpec network;
  double compute = 5, compute_jitter = 0;  // of a clock
};

class Cluster {
 public:
  explicit Cluster(const ClusterSpec& spec);
  void run() { simulator_->run(); }
  double now() const { return simulator_->now(); }
  const Placement& placement() const { return placement_; }
  ServerCore& server(int s) { return *servers_[static_cast<size_t>(s)]; }
  ClientCore& client(int w) { return *clients_[static_cast<size_t>(w)]; }
  // Whether worker `w` adds 1 to element i at `clock` (sync: in each of its pieces).
  static bool counts(int w, int64_t clock, int64_t i) { return (i + 3 * clock + 7 * w) % 5 < 2; }
  float expected(int64_t i) const;  // after the run
  float value(int64_t i) const;     // on its server
  float value(int worker, int64_t i) const {
    return weights_[static_cast<size_t>(worker)][static_cast<size_t>(i)];
  }
  // The same for rows: element 0 of `key`, -32 .. 31; tables differ. 0: it has no row.
  float expected_row(int table, int64_t key) const;
  float row(int table, int64_t key) const;
  // Rows of all servers as (key, last step, updates, element 0), then candidates as (key, last
  // step, sightings, 0), ascending.
  std::vector<std::array<float, 4>> lives(int table) const;
  // Rows that a worker pulled without some update that it had to see.
  int64_t stale_rows() const { return stale_rows_; }
  // What servers hold of element i, with what the workers' coders have left out so far.
  float with_residuals(int64_t i) const;
  int64_t most_ahead() const { return most_ahead_; }  // of any pull: clock - slowest
  // What worker 0 heard of all of them, by clock.
  const std::vector<PushReport>& reports() const { return reports_; }

 private:
  double step(int worker, ClientCore& client);
  std::vector<int64_t> keys_of(int worker, int table, int server, int64_t clock) const;
  void pull_rows(int worker, int64_t clock, ClientCore& client, uint32_t flags);
  void check_rows(int worker, int64_t clock);
  void push_rows(int worker, int64_t clock, const OptimizerScalars& scalars, ClientCore& client);
  // What workers [first, last) add to a row before `clock`.
  float added(int table, int64_t key, int first, int last, int64_t clock) const;

  const ClusterSpec spec_;
  Optimizer optimizer_;
  ParamTable params_;
  Placement placement_;
  std::vector<LeafRun> runs_;
  std::vector<std::vector<float>> weights_, gradients_;
  struct Progress {
    int64_t clock = 0;
    int phase = 0;
    int64_t pushed = 0;  // clocks
  };
  std::vector<Progress> progress_;
  std::vector<std::vector<int64_t>> keys_;  // by server
  struct Pulled {
    std::vector<int64_t> keys;
    std::vector<std::byte> bytes;
    uint32_t flags = 0;
    const std::byte* row(size_t key) const;
  };
  std::vector<std::vector<Pulled>> rows_;  // by worker; table and server
  std::mt19937_64 random_;
  int64_t most_ahead_ = 0, stale_rows_ = 0;
  std::vector<PushReport> reports_;
  mutable std::vector<float> residuals_;  // of all workers, when asked for
  std::vector<std::unique_ptr<ClientCore>> clients_;
  std::vector<std::unique_ptr<ServerCore>> servers_;
  std::unique_ptr<Simulator> simulator_;
};

}  // namespace trireme::ps
