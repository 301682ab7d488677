#pragma once
// The reduction tree of a step (docs/architecture.md, "Same answer at any size"). The leaves are
// the V virtual shards of the batch; inner node (level, index) covers leaves [index << level,
// (index + 1) << level). A sum is always taken as left + right at each node, absent leaves are
// skipped, so the result does not depend on which lane or rank computed which part.

#include <cstdint>
#include <span>
#include <vector>

namespace trireme {

struct LeafRun {  // leaves [first, last)
  int first = 0, last = 0;
  int size() const { return last - first; }
};
// The leaves of lane `member` of `members`: [member V / members, (member + 1) V / members).
LeafRun leaves_of(int member, int members, int shards);

struct SampleSpan {  // positions [begin, end) of an epoch
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};
// Leaf i of a batch of n samples that starts at `begin`: [i n / V, (i + 1) n / V).
SampleSpan leaf_span(int64_t begin, int64_t n, int leaf, int shards);

struct Piece {  // an aligned node
  int level = 0, index = 0;
  int first() const { return index << level; }
  int last() const { return (index + 1) << level; }
  friend bool operator==(const Piece&, const Piece&) = default;
};
// The largest aligned nodes, at most `max_level` high, that cover `run` exactly, in order.
std::vector<Piece> pieces_of(LeafRun run, int max_level);

// The pieces into which the leaves of one run can be added up, however large.
std::vector<Piece> host_pieces(LeafRun run, int shards);

// Which pieces hold anything. leaf_present: of every leaf of the tree.
std::vector<bool> present_pieces(std::span<const Piece> pieces,
                                 const std::vector<bool>& leaf_present);

// The order in which pieces are added. Operands < pieces are the inputs; operand pieces + k is the
// result of step k. `result` is -1 when nothing is present.
struct TreeSteps {
  struct Add {
    int left, right;
  };
  std::vector<Add> adds;
  int result = -1;
};
// Adds up `pieces` (disjoint, ordered) to the root of `shards` leaves. present[i]: piece i holds
// anything.
TreeSteps tree_steps(std::span<const Piece> pieces, const std::vector<bool>& present, int shards);

}  // namespace trireme
