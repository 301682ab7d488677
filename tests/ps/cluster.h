#pragma once
// Workers and servers under the simulator, with sgd at a rate of 1: a push of -1 adds 1.

#include <memory>
#include <vector>

#include "ps/simulator.h"

namespace trireme::ps {

struct ClusterSpec {
  int workers = 4, servers = 2;
  Consistency consistency;
  int64_t clocks = 6;
  int shards = 8;
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
  int64_t most_ahead() const { return most_ahead_; }  // of any pull: clock - slowest

 private:
  double step(int worker, ClientCore& client);

  const ClusterSpec spec_;
  Optimizer optimizer_;
  ParamTable params_;
  Placement placement_;
  std::vector<LeafRun> runs_;
  std::vector<std::vector<float>> weights_, gradients_;
  struct Progress {
    int64_t clock = 0;
    int phase = 0;
  };
  std::vector<Progress> progress_;
  std::mt19937_64 random_;
  int64_t most_ahead_ = 0;
  std::vector<std::unique_ptr<ClientCore>> clients_;
  std::vector<std::unique_ptr<ServerCore>> servers_;
  std::unique_ptr<Simulator> simulator_;
};

}  // namespace trireme::ps
