#include "ps/sync_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace trireme::ps {
namespace {
constexpr int64_t kLeastChunks = 8;  // that are worth waking a thread
}

SyncClock::SyncClock(const KernelTable& kernels, const Placement& placement, int server,
                     std::vector<LeafRun> runs, int shards, const Spread& spread)
    : kernels_(kernels),
      placement_(placement),
      mine_(placement.blocks_of(server)),
      runs_(std::move(runs)),
      shards_(shards),
      spread_(spread),
      slot_(placement.blocks().size(), mine_.size()),
      arrived_(mine_.size()),
      room_(mine_.size()),
      sums_(mine_.size()) {
  for (size_t w = 0; w < runs_.size(); ++w)
    for (const Piece& piece : host_pieces(runs_[w], shards)) {
      pieces_.push_back(piece);
      worker_of_piece_.push_back(static_cast<int>(w));
    }
  size_t partials = 0;
  for (size_t i = 0; i < mine_.size(); ++i) {
    slot_[static_cast<size_t>(mine_[i])] = i;
    arrived_[i].pieces.resize(pieces_.size());
    first_partial_.push_back(partials);
    const int64_t n = placement.block(mine_[i]).range.size();
    partials += static_cast<size_t>((n + kSumChunk - 1) / kSumChunk);
  }
  partials_.resize(partials);
}

void SyncClock::begin(int64_t samples) {
  samples_ = samples;
  if (samples == prepared_for_) return;
  prepared_for_ = samples;
  std::vector<bool> leaves(static_cast<size_t>(shards_));
  for (int leaf = 0; leaf < shards_; ++leaf)
    leaves[static_cast<size_t>(leaf)] = leaf_span(0, samples, leaf, shards_).size() > 0;
  present_ = present_pieces(pieces_, leaves);
  awaited_ = static_cast<size_t>(std::ranges::count(present_, true));
  reducer_ = RangeReducer(tree_steps(pieces_, present_, shards_), static_cast<int>(pieces_.size()));
  temporaries_.resize(static_cast<size_t>(reducer_.temporary_floats() * spread_.threads()));
}

void SyncClock::take(int worker, int block, Piece piece, const float* floats, Payload owned,
                     int64_t samples) {
  const auto found = std::ranges::find(pieces_, piece);
  const size_t p = static_cast<size_t>(found - pieces_.begin());
  const bool known = found != pieces_.end() && worker_of_piece_[p] == worker && present_[p] &&
                     block >= 0 && static_cast<size_t>(block) < slot_.size() &&
                     slot(block) < mine_.size();
  if (!known || samples != samples_ || arrived_[slot(block)].pieces[p])
    throw FormatError(fmt::format(
        "worker {} pushed piece {}/{} of block {} in a batch of {} samples, which nobody awaits "
        "(the batch has {})",
        worker, piece.level, piece.index, block, samples, samples_));
  Arrived& arrived = arrived_[slot(block)];
  arrived.pieces[p] = floats;
  if (owned) arrived.owned.push_back(std::move(owned));
  if (++arrived.count < awaited_) return;
  reduce(block);
  ++complete_;
}

// A single piece is the sum already, and stays where it came in. Threads take whole chunks, of
// which each has a sum of squares of its own.
void SyncClock::reduce(int block) {
  const size_t at = slot(block);
  const int64_t n = placement_.block(block).range.size(), chunks = (n + kSumChunk - 1) / kSumChunk;
  const std::vector<const float*>& operands = arrived_[at].pieces;
  const bool adds = reducer_.single() < 0;
  if (adds && room_[at].size() == 0)
    room_[at] = AlignedBuffer(static_cast<size_t>(n) * sizeof(float));
  sums_[at] = adds ? room_[at].floats() : operands[static_cast<size_t>(reducer_.single())];
  spread_(chunks / kLeastChunks, [&](int part, int parts) {
    const PartOf of_chunks(chunks, part, parts);
    const Range mine{of_chunks.begin * kSumChunk, std::min(of_chunks.end * kSumChunk, n)};
    if (adds)
      reducer_.reduce(kernels_, operands, mine, room_[at].floats(),
                      temporaries_.data() + part * reducer_.temporary_floats());
    if (kernels_.sums_of_squares(nullptr, mine.size(), sums_[at] + mine.begin,
                                 partials_.data() + first_partial_[at] + of_chunks.first()) !=
        Status::ok)
      throw DeviceError("the kernel for the gradient's norm failed");
  });
  if (adds) arrived_[at].owned.clear();
}

void SyncClock::end() {
  for (Arrived& a : arrived_) {
    std::ranges::fill(a.pieces, nullptr);
    a.owned.clear();
    a.count = 0;
  }
  complete_ = 0;
  samples_ = -1;
}

std::vector<int> SyncClock::missing() const {
  std::set<int> workers;
  for (size_t i = 0; i < mine_.size(); ++i) {
    if (arrived_[i].count == awaited_) continue;
    for (size_t p = 0; p < pieces_.size(); ++p)
      if (present_[p] && !arrived_[i].pieces[p]) workers.insert(worker_of_piece_[p]);
  }
  return {workers.begin(), workers.end()};
}

}  // namespace trireme::ps
