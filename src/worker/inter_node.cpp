#include "worker/inter_node.h"

#include <algorithm>
#include <bit>

namespace trireme {
namespace {

constexpr int kTagBlock = 100, kTagPiece = 200, kTagReduced = 300;

MutableBytes bytes_of(float* data, Range r) {
  return std::as_writable_bytes(std::span(data + r.begin, static_cast<size_t>(r.size())));
}

}  // namespace

InterNode::InterNode(Communicator& comm, const Topology& topology, double timeout)
    : comm_(comm), topology_(topology), timeout_(timeout) {
  const int height = std::bit_width(static_cast<unsigned>(topology.shards));
  for (const LeafRun& run : topology.node_runs) {
    node_pieces_.push_back(pieces_of(run, height));
    all_pieces_.insert(all_pieces_.end(), node_pieces_.back().begin(), node_pieces_.back().end());
  }
}

void InterNode::all_gather(std::span<const MutableBytes> blocks, const char* what, int64_t step) {
  std::vector<Ticket> tickets;
  const MutableBytes mine = blocks[static_cast<size_t>(topology_.my_node)];
  for (int node = 0; node < topology_.nodes; ++node) {
    if (node == topology_.my_node) continue;
    const int peer = topology_.leader_ranks[static_cast<size_t>(node)];
    tickets.push_back(comm_.receive(peer, kTagBlock, blocks[static_cast<size_t>(node)]));
    tickets.push_back(comm_.send(peer, kTagBlock, mine));
  }
  for (Ticket t : tickets) comm_.wait(t, {timeout_, what, step});
}

// Whole chunks, so that partial norms stay within one node's share.
Range InterNode::share(int node, int64_t elements) const {
  const int64_t chunks = (elements + kChunk - 1) / kChunk;
  const auto cut = [&](int h) { return std::min(elements, h * chunks / topology_.nodes * kChunk); };
  return {cut(node), cut(node + 1)};
}

void InterNode::prepare(const std::vector<bool>& leaf_present) {
  if (prepared_for_ == leaf_present) return;
  std::vector<bool> present;
  for (const Piece& p : all_pieces_) {
    bool any = false;
    for (int leaf = p.first(); leaf < std::min(p.last(), topology_.shards); ++leaf)
      any = any || leaf_present[static_cast<size_t>(leaf)];
    present.push_back(any);
  }
  reducer_ = RangeReducer(tree_steps(all_pieces_, present, topology_.shards),
                          static_cast<int>(all_pieces_.size()));
  temporaries_.resize(static_cast<size_t>(reducer_.temporary_floats()));
  prepared_for_ = leaf_present;
}

void InterNode::reduce(const KernelTable& kernels, std::span<float* const> pieces,
                       const std::vector<bool>& leaf_present, int64_t elements, float* out,
                       int64_t step) {
  prepare(leaf_present);
  const Range mine = share(topology_.my_node, elements);
  staging_.resize(all_pieces_.size() * static_cast<size_t>(mine.size()));
  std::vector<const float*> operands;  // such that operand + mine.begin is the data
  std::vector<Ticket> tickets;
  size_t slot = 0, own = 0;
  for (int node = 0; node < topology_.nodes; ++node) {
    const int peer = topology_.leader_ranks[static_cast<size_t>(node)];
    for (size_t p = 0; p < node_pieces_[static_cast<size_t>(node)].size(); ++p, ++slot) {
      if (node == topology_.my_node) {
        operands.push_back(pieces[own++]);
        continue;
      }
      float* into = staging_.data() + slot * static_cast<size_t>(mine.size());
      operands.push_back(into - mine.begin);
      tickets.push_back(
          comm_.receive(peer, kTagPiece + static_cast<int>(p), bytes_of(into, {0, mine.size()})));
    }
    if (node == topology_.my_node) continue;
    for (size_t p = 0; p < pieces.size(); ++p)
      tickets.push_back(comm_.send(peer, kTagPiece + static_cast<int>(p),
                                   bytes_of(pieces[p], share(node, elements))));
  }
  for (Ticket t : tickets)
    comm_.wait(t, {timeout_, "gradients (reduce-scatter between hosts)", step});
  reducer_.reduce(kernels, operands, mine, out, temporaries_.data());

  tickets.clear();
  for (int node = 0; node < topology_.nodes; ++node) {
    if (node == topology_.my_node) continue;
    const int peer = topology_.leader_ranks[static_cast<size_t>(node)];
    tickets.push_back(comm_.receive(peer, kTagReduced, bytes_of(out, share(node, elements))));
    tickets.push_back(comm_.send(peer, kTagReduced, bytes_of(out, mine)));
  }
  for (Ticket t : tickets) comm_.wait(t, {timeout_, "gradients (all-gather between hosts)", step});
}

}  // namespace trireme
