#include "worker/exchange/inter_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace trireme {
namespace {

constexpr int kTagPiece = 200, kTagReduced = 300;
constexpr size_t kUnderWay = 4;     // buckets: enough to keep a link busy in both directions
constexpr int kLooksPerCheck = 64;  // looks that found nothing, before one for trouble

MutableBytes bytes_of(float* data, Range r) {
  return std::as_writable_bytes(std::span(data + r.begin, static_cast<size_t>(r.size())));
}
Bytes bytes_of(const float* data, Range r) {
  return std::as_bytes(std::span(data + r.begin, static_cast<size_t>(r.size())));
}

// Room of one bucket under way: this host's sums, and what it gets for its share.
struct Room {
  int64_t sums = 0, received = 0;  // floats
};
Room room(const Topology& t, const std::vector<Range>& buckets) {
  int64_t largest = 0, pieces = 0;
  for (const Range& b : buckets) largest = std::max(largest, b.size());
  for (const LeafRun& run : t.node_runs)
    pieces += static_cast<int64_t>(host_pieces(run, t.shards).size());
  const auto mine = host_pieces(t.node_runs[static_cast<size_t>(t.my_node)], t.shards).size();
  return {static_cast<int64_t>(mine) * largest, pieces * (largest / t.nodes + kSlotAlign)};
}

}  // namespace

int64_t InterNode::staging_floats(const Topology& topology, const std::vector<Range>& buckets) {
  const Room one = room(topology, buckets);
  return static_cast<int64_t>(std::min(kUnderWay, buckets.size())) * (one.sums + one.received);
}

InterNode::InterNode(Communicator& comm, const KernelTable& kernels, const Topology& topology,
                     const LanePieces& lanes, const std::vector<Range>& buckets, float* staging,
                     float* reduced, double timeout)
    : comm_(comm),
      kernels_(kernels),
      topology_(topology),
      buckets_(buckets),
      reduced_(reduced),
      timeout_(timeout),
      node_sums_(kernels, topology, lanes),
      gather_(comm, topology, timeout),
      reductions_(std::min(kUnderWay, buckets.size())) {
  const Room one = room(topology, buckets);
  for (Reduction& r : reductions_) {
    r.sums = std::exchange(staging, staging + one.sums);
    r.received = std::exchange(staging, staging + one.received);
  }
  for (const LeafRun& run : topology.node_runs) {
    host_pieces_.push_back(host_pieces(run, topology.shards));
    all_pieces_.insert(all_pieces_.end(), host_pieces_.back().begin(), host_pieces_.back().end());
  }
}

InterNode::~InterNode() {
  for (const Reduction& r : reductions_)
    for (Ticket t : r.open) comm_.cancel(t);
}

void InterNode::begin(int64_t step, const std::vector<bool>& leaf_present) {
  step_ = step;
  if (leaf_present_ == leaf_present) return;
  leaf_present_ = leaf_present;
  node_sums_.prepare(leaf_present);
  piece_present_ = present_pieces(all_pieces_, leaf_present);
  reducer_ = RangeReducer(tree_steps(all_pieces_, piece_present_, topology_.shards),
                          static_cast<int>(all_pieces_.size()));
  temporaries_.resize(static_cast<size_t>(reducer_.temporary_floats()));
}

// Cut at slots' alignment: every share is whole cache lines.
Range InterNode::share(int host, Range bucket) const {
  const int64_t lines = (bucket.size() + kSlotAlign - 1) / kSlotAlign;
  const auto cut = [&](int h) {
    return bucket.begin + std::min(bucket.size(), h * lines / topology_.nodes * kSlotAlign);
  };
  return {cut(host), cut(host + 1)};
}

void InterNode::take(size_t index) {
  Reduction& r = reduction(under_way_++);
  r.bucket = index;
  r.spreading = false;
  r.since = Clock::now();
  r.what = fmt::format("gradients (bucket {} of {}, pieces of the other hosts)", index + 1,
                       buckets_.size());
  node_sums_.add_up(buckets_[index], r.sums, r.own);
  send_pieces(r);
}

// Absent pieces stay at home: every host knows which those are.
void InterNode::send_pieces(Reduction& r) {
  const Range bucket = buckets_[r.bucket], mine = share(topology_.my_node, bucket);
  r.operands.assign(all_pieces_.size(), nullptr);
  size_t piece = 0;
  for (int host = 0; host < topology_.nodes; ++host) {
    const int peer = topology_.leader_ranks[static_cast<size_t>(host)];
    const size_t pieces = host_pieces_[static_cast<size_t>(host)].size();
    for (size_t p = 0; p < pieces; ++p, ++piece) {
      if (!piece_present_[piece] || mine.size() == 0) continue;
      if (host == topology_.my_node) {
        r.operands[piece] = r.own[p];
        continue;
      }
      float* into = r.received + static_cast<int64_t>(piece) * mine.size();
      r.operands[piece] = into - mine.begin;
      r.open.push_back(
          comm_.receive(peer, kTagPiece + static_cast<int>(p), bytes_of(into, {0, mine.size()})));
    }
    const Range theirs = share(host, bucket);
    if (host == topology_.my_node || theirs.size() == 0) continue;
    for (size_t p = 0; p < r.own.size(); ++p)
      if (r.own[p])
        r.open.push_back(
            comm_.send(peer, kTagPiece + static_cast<int>(p), bytes_of(r.own[p], theirs)));
  }
}

void InterNode::spread(Reduction& r) {
  const Range bucket = buckets_[r.bucket], mine = share(topology_.my_node, bucket);
  r.spreading = true;
  r.since = Clock::now();
  r.what = fmt::format("gradients (bucket {} of {}, sums of the other hosts)", r.bucket + 1,
                       buckets_.size());
  reducer_.reduce(kernels_, r.operands, mine, reduced_, temporaries_.data());
  for (int host = 0; host < topology_.nodes; ++host) {
    if (host == topology_.my_node) continue;
    const int peer = topology_.leader_ranks[static_cast<size_t>(host)];
    const Range theirs = share(host, bucket);
    if (theirs.size() > 0)
      r.open.push_back(comm_.receive(peer, kTagReduced, bytes_of(reduced_, theirs)));
    if (mine.size() > 0)
      r.open.push_back(
          comm_.send(peer, kTagReduced, bytes_of(static_cast<const float*>(reduced_), mine)));
  }
}

bool InterNode::collect(Reduction& r) {
  return std::erase_if(r.open, [&](Ticket t) { return comm_.test(t); }) > 0;
}

void InterNode::check(const Reduction& r) {
  if (!r.open.empty()) comm_.check(r.open, {timeout_, r.what, step_}, r.since);
}

bool InterNode::advance() {
  bool moved = gather_.advance();
  for (size_t i = 0; i < under_way_; ++i) {
    Reduction& r = reduction(i);
    moved = collect(r) || moved;
    if (r.spreading) continue;
    if (!r.open.empty()) break;  // sums are sent in the order of the buckets
    spread(r);
    moved = true;
  }
  for (; under_way_ > 0 && reduction(0).spreading && reduction(0).open.empty(); --under_way_)
    oldest_ = (oldest_ + 1) % reductions_.size();
  if (moved || (!gathering() && !busy())) {
    looks_ = 0;
  } else if (++looks_ % kLooksPerCheck == 0) {
    if (busy()) check(reduction(0));
    gather_.check();
  }
  return moved;
}

}  // namespace trireme
