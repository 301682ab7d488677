#pragma once
// All-reduce between hosts, by the first ranks of each, bucket by bucket: every host's pieces to
// the owner of a share of the bucket, which adds them up along the tree, and the sum back to every
// host. On the wire a bucket costs each host 2 (hosts - 1) / hosts of its bytes each way, where
// hosts have one piece each.
//
// Every host starts buckets in ascending order and sends each kind of message in that order, so
// messages need no numbers.

#include <string>
#include <vector>

#include "comm/communicator.h"
#include "worker/exchange/bucket_carrier.h"
#include "worker/exchange/host_gather.h"
#include "worker/exchange/node_sums.h"

namespace trireme {

class InterNode final : public BucketCarrier {
 public:
  // Of the memory in which buckets travel.
  static int64_t staging_floats(const Topology& topology, const std::vector<Range>& buckets);

  // Borrows everything. reduced: where sums end, the whole index space. It and `staging` must be
  // there as long as the communicator: after an error MPI may still touch them.
  InterNode(Communicator& comm, const KernelTable& kernels, const Topology& topology,
            const LanePieces& lanes, const std::vector<Range>& buckets, float* staging,
            float* reduced, double timeout);
  ~InterNode() override;  // lets go of what is under way
  InterNode(const InterNode&) = delete;
  InterNode& operator=(const InterNode&) = delete;

  void begin(int64_t step, const std::vector<bool>& leaf_present) override;
  void gather(std::span<const MutableBytes> blocks, const char* what) override {
    gather_.start(blocks, what, step_);
  }
  bool gathering() const override { return gather_.open(); }
  void take(size_t index) override;
  bool may_take() const override { return under_way_ < reductions_.size(); }
  bool busy() const override { return under_way_ > 0; }
  bool advance() override;
  void idle(int round) override { comm_.idle(round); }

 private:
  struct Reduction {
    std::string what;
    Clock::time_point since;
    std::vector<Ticket> open;
    size_t bucket = 0;
    bool spreading = false;  // first pieces to the owners, then sums to everybody
    float *sums = nullptr, *received = nullptr;
    std::vector<const float*> own;       // this host's pieces
    std::vector<const float*> operands;  // everybody's, of this host's share
  };

  Range share(int host, Range bucket) const;
  Reduction& reduction(size_t i) { return reductions_[(oldest_ + i) % reductions_.size()]; }
  void send_pieces(Reduction& r);
  void spread(Reduction& r);
  bool collect(Reduction& r);
  void check(const Reduction& r);

  Communicator& comm_;
  const KernelTable& kernels_;
  const Topology& topology_;
  const std::vector<Range>& buckets_;
  float* const reduced_;
  const double timeout_;
  NodeSums node_sums_;
  std::vector<std::vector<Piece>> host_pieces_;
  std::vector<Piece> all_pieces_;
  std::vector<bool> leaf_present_, piece_present_;
  RangeReducer reducer_;
  std::vector<float> temporaries_;
  int64_t step_ = -1;
  HostGather gather_;
  std::vector<Reduction> reductions_;  // a ring
  size_t oldest_ = 0, under_way_ = 0;
  int looks_ = 0;
};

}  // namespace trireme
