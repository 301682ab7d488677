#include "ps/row_index.h"

#include <bit>
#include <utility>

#include "base/thread_clock.h"

namespace trireme::ps {
namespace {
constexpr size_t kSegmentSlots = 4096;
constexpr size_t kSpareSlots = 4;  // so that the last row does not fill a segment of known size
// Most entries of the directory for each segment. Chance stays far below; where keys were chosen to
// agree in their upper bits, a segment doubles instead of splitting.
constexpr size_t kMostEntries = 64;

// Segments of one depth fill up at about the same time. So that they do not all split in one
// commit, each has a limit of its own between half and three quarters, by the bits that its keys
// share; a lone one has the upper.
size_t limit_of(size_t slots, int depth, uint64_t hash) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;  // spreads neighbours evenly
  const uint64_t number = depth == 0 ? 0 : hash >> (64 - depth);
  const size_t spread = static_cast<size_t>(number * kGolden >> 32);  // of 2^32
  return slots - slots / 4 - (slots / 4 * spread >> 32);
}
}  // namespace

RowIndex::RowIndex(std::function<uint64_t(RowId)> hash_of, int64_t most)
    : hash_of_(std::move(hash_of)) {
  size_t slots = kSegmentSlots;
  if (most > 0) slots = std::bit_ceil(static_cast<size_t>(most) * 4 / 3 + kSpareSlots);
  segments_.push_back(std::make_unique<Segment>());
  segments_.back()->slots.resize(slots);
  directory_.push_back(segments_.back().get());
  capacity_ = static_cast<int64_t>(slots);
}

const void* RowIndex::first_probe(uint64_t hash) const {
  const Segment& segment = segment_of(hash);
  return &segment.slots[start(segment, hash)];
}

RowId RowIndex::candidate(uint64_t hash) const {
  const Segment& segment = segment_of(hash);
  const size_t mask = segment.slots.size() - 1;
  for (size_t i = start(segment, hash);; i = (i + 1) & mask) {
    const Slot& slot = segment.slots[i];
    if (slot.row == kNoRow || slot.tag == tag_of(hash)) return slot.row;
  }
}

RowId RowIndex::find(uint64_t hash) const {
  const Segment& segment = segment_of(hash);
  const size_t mask = segment.slots.size() - 1;
  for (size_t i = start(segment, hash);; i = (i + 1) & mask) {
    const Slot& slot = segment.slots[i];
    if (slot.row == kNoRow) return kNoRow;
    if (slot.tag == tag_of(hash) && hash_of_(slot.row) == hash) return slot.row;
  }
}

void RowIndex::place(Segment& segment, uint64_t hash, RowId row) {
  const size_t mask = segment.slots.size() - 1;
  size_t i = start(segment, hash);
  while (segment.slots[i].row != kNoRow) i = (i + 1) & mask;
  segment.slots[i] = {tag_of(hash), row};
  ++segment.used;
}

void RowIndex::insert(uint64_t hash, RowId row) {
  make_room(hash);
  place(segment_of(hash), hash, row);
  ++size_;
}

void RowIndex::make_room(uint64_t hash) {
  for (;;) {
    Segment& segment = segment_of(hash);
    if (segment.used < limit_of(segment.slots.size(), segment.depth, hash)) return;
    const double start = thread_seconds();
    if (segment.depth == bits_ && directory_.size() * 2 > kMostEntries * (segments_.size() + 1))
      widen(segment);
    else
      split(segment, hash);
    growth_seconds_ += thread_seconds() - start;
  }
}

// Keys whose next bit is 1 move to a new segment.
void RowIndex::split(Segment& segment, uint64_t hash) {
  if (segment.depth == bits_) {
    std::vector<Segment*> wider(directory_.size() * 2);
    for (size_t i = 0; i < wider.size(); ++i) wider[i] = directory_[i / 2];
    directory_ = std::move(wider);
    ++bits_;
  }
  auto upper = std::make_unique<Segment>();
  upper->slots.resize(segment.slots.size());
  const std::vector<Slot> old =
      std::exchange(segment.slots, std::vector<Slot>(upper->slots.size()));
  segment.used = 0;
  upper->depth = ++segment.depth;
  for (const Slot& slot : old) {
    if (slot.row == kNoRow) continue;
    const uint64_t h = hash_of_(slot.row);
    place((h >> (64 - segment.depth) & 1) != 0 ? *upper : segment, h, slot.row);
  }
  // The directory's entries that begin with the segment's bits and then a 1.
  const size_t run = size_t{1} << (bits_ - segment.depth);
  const size_t first =
      ((static_cast<size_t>(hash >> (64 - segment.depth)) | 1) << (bits_ - segment.depth));
  for (size_t i = first; i < first + run; ++i) directory_[i] = upper.get();
  capacity_ += static_cast<int64_t>(upper->slots.size());
  segments_.push_back(std::move(upper));
}

void RowIndex::widen(Segment& segment) {
  capacity_ += static_cast<int64_t>(segment.slots.size());
  const std::vector<Slot> old =
      std::exchange(segment.slots, std::vector<Slot>(segment.slots.size() * 2));
  segment.used = 0;
  for (const Slot& slot : old)
    if (slot.row != kNoRow) place(segment, hash_of_(slot.row), slot.row);
}

// Backward-shift deletion: what was displaced past the hole moves into it, so no tombstones.
bool RowIndex::erase(uint64_t hash, RowId row) {
  Segment& segment = segment_of(hash);
  const size_t mask = segment.slots.size() - 1;
  size_t hole = start(segment, hash);
  for (;; hole = (hole + 1) & mask) {
    const Slot& slot = segment.slots[hole];
    if (slot.row == kNoRow) return false;
    if (slot.row == row) break;
  }
  for (size_t i = (hole + 1) & mask; segment.slots[i].row != kNoRow; i = (i + 1) & mask) {
    const size_t home = start(segment, hash_of_(segment.slots[i].row));
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    segment.slots[hole] = segment.slots[i];
    hole = i;
  }
  segment.slots[hole] = Slot{};
  --segment.used;
  --size_;
  return true;
}

int64_t RowIndex::bytes() const {
  return capacity_ * static_cast<int64_t>(sizeof(Slot)) +
         static_cast<int64_t>(directory_.size() * sizeof(Segment*) +
                              segments_.size() * sizeof(Segment));
}

}  // namespace trireme::ps
