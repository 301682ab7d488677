#pragma once
// The window of one node: weights, moments and gradients live here once, shared by the node's
// ranks, so that a range is reduced where it was written and applied where everybody reads it.

#include <memory>
#include <vector>

#include "comm/arrivals.h"
#include "comm/communicator.h"
#include "comm/node_barrier.h"
#include "worker/exchange/topology.h"

namespace trireme {

struct NodeMemorySpec {
  int64_t params = 0, state = 0;  // floats
  int moments = 0;
  bool ema = false;
  bool keep_leaves = false;
  int64_t max_sums = 0;        // doubles a leaf may sync
  int64_t staging = 0;         // floats, for what travels between hosts
  int64_t table_partials = 0;  // partial norms of embedding tables
};

class NodeMemory {
 public:
  // Collective over the node.
  NodeMemory(Communicator& comm, const Topology& topology, const NodeMemorySpec& spec);

  BarrierState* barrier() const { return at<BarrierState>(barrier_); }
  ArrivalsState* arrivals() const { return at<ArrivalsState>(arrivals_); }
  float* params() const { return at<float>(params_); }
  float* state() const { return at<float>(state_); }
  float* moment(int i) const { return at<float>(moments_) + i * stride_; }
  float* ema() const { return has_ema_ ? at<float>(ema_) : nullptr; }
  float* reduced() const { return at<float>(reduced_); }
  float* gradients(int node_member) const {
    return at<float>(gradients_[static_cast<size_t>(node_member)]);
  }
  float* staging() const { return at<float>(staging_); }
  double* partials() const { return at<double>(partials_); }
  // Leaf sums, double-buffered: a lane may write those of the next sync while others still read.
  double* sums(int parity, int leaf) const { return at<double>(sums_[parity]) + leaf * max_sums_; }
  uint32_t* requests(int node_member) const { return at<uint32_t>(requests_) + node_member; }
  uint32_t* node_requests() const { return at<uint32_t>(node_requests_); }
  int64_t stride() const { return stride_; }  // floats of one flat buffer
  size_t bytes() const { return window_->size(); }

 private:
  template <class T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(window_->data() + offset);
  }
  std::unique_ptr<Window> window_;
  int64_t stride_ = 0, max_sums_ = 0;
  bool has_ema_ = false;
  size_t barrier_, arrivals_, params_, state_, moments_, ema_, reduced_, staging_, partials_,
      sums_[2], requests_, node_requests_;
  std::vector<size_t> gradients_;
};

}  // namespace trireme
