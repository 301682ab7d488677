#pragma once
// What crosses hosts, between the first ranks of each: small blocks (leaf sums, requests) and
// gradients, bucket by bucket: every host's pieces to the owner of a share of the bucket, which
// adds them up along the tree, and the sum back to every host. On the wire a bucket costs each host
// 2 (hosts - 1) / hosts of its bytes each way, where hosts have one piece each.
//
// Nothing here waits: operations are started, and advance() moves all of them. Every host starts
// buckets in ascending order and sends each kind of message in that order, so messages need no
// numbers. One thread at a time.

#include <string>
#include <vector>

#include "comm/communicator.h"
#include "worker/node_sums.h"

namespace trireme {

class InterNode {
 public:
  // Of the memory in which buckets travel.
  static int64_t staging_floats(const Topology& topology, const std::vector<Range>& buckets);

  // Borrows everything. reduced: where sums end, the whole index space. It and `staging` must be
  // there as long as the communicator: after an error MPI may still touch them.
  InterNode(Communicator& comm, const KernelTable& kernels, const Topology& topology,
            const LanePieces& lanes, const std::vector<Range>& buckets, float* staging,
            float* reduced, double timeout);
  ~InterNode();  // lets go of what is under way
  InterNode(const InterNode&) = delete;
  InterNode& operator=(const InterNode&) = delete;

  void begin(int64_t step, const std::vector<bool>& leaf_present);
  // Each host's block reaches every host; blocks[h] is host h's part. One at a time.
  void gather(std::span<const MutableBytes> blocks, const char* what);
  // The host's lanes have bucket `index`. Only when may_start().
  void reduce(size_t index);
  bool may_start() const { return under_way_ < reductions_.size(); }
  bool gathering() const { return !gather_.open.empty(); }
  bool reducing() const { return under_way_ > 0; }
  // Does what has become possible; false: nothing. Throws CommError as Communicator::wait() would.
  bool advance();
  void idle(int round) { comm_.idle(round); }

 private:
  struct Operation {
    std::string what;
    Clock::time_point since;
    std::vector<Ticket> open;
  };
  struct Reduction : Operation {
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
  bool collect(Operation& op);
  void check(const Operation& op);

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
  Operation gather_;
  std::vector<Reduction> reductions_;  // a ring
  size_t oldest_ = 0, under_way_ = 0;
  int looks_ = 0;
};

}  // namespace trireme
