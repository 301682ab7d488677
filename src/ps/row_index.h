#pragma once
// Finds rows by key: extendible hashing (Fagin et al., ACM TODS 1979). A directory of segments by
// the upper bits of the hash, each an open-addressing table of its own; a full segment is split in
// two. So growing costs one segment's rehash at a time (tens of microseconds) and now and then a
// copy of the directory, never a pass over the whole table.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace trireme::ps {

using RowId = uint32_t;
constexpr RowId kNoRow = 0xffffffffu;

class RowIndex {
 public:
  // hash_of(row): of the row's key; asked for when a segment is split or two tags agree.
  // most: rows that there will be at one time, where that is known: it has room for them at once,
  // in at most kBytesOfRow each; 0: it grows.
  explicit RowIndex(std::function<uint64_t(RowId)> hash_of, int64_t most = 0);
  static constexpr int64_t kBytesOfRow = 22;  // two slots at a load of 3/4, and what is left over

  // Where the search for `hash` starts, to be prefetched.
  const void* first_probe(uint64_t hash) const;
  // The first row with this hash's tag in probing order, to be prefetched; kNoRow: none.
  // first: first_probe(hash).
  RowId candidate(uint64_t hash, const void* first) const {
    const Slot& slot = *static_cast<const Slot*>(first);
    return slot.row == kNoRow || slot.tag == tag_of(hash) ? slot.row : candidate(hash);
  }
  // The row whose hash_of() is `hash`; kNoRow: none. Hashes of different keys differ.
  RowId find(uint64_t hash) const;
  // `hash` must not be there. Strong guarantee but for std::bad_alloc.
  void insert(uint64_t hash, RowId row);
  bool erase(uint64_t hash, RowId row);  // false: it was not there

  int64_t size() const { return size_; }
  int64_t capacity() const { return capacity_; }  // slots of all segments
  int64_t bytes() const;
  double growth_seconds() const { return growth_seconds_; }  // of its thread, so far, on growing

 private:
  struct Slot {
    uint32_t tag = 0;
    RowId row = kNoRow;
  };
  struct Segment {
    int depth = 0;  // upper bits of the hash that all its keys share
    uint32_t used = 0;
    std::vector<Slot> slots;  // a power of two
  };
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash); }
  static size_t start(const Segment& segment, uint64_t hash) {
    return static_cast<size_t>(hash >> 32) & (segment.slots.size() - 1);
  }
  Segment& segment_of(uint64_t hash) const {
    return *directory_[bits_ == 0 ? 0 : static_cast<size_t>(hash >> (64 - bits_))];
  }
  RowId candidate(uint64_t hash) const;
  static void place(Segment& segment, uint64_t hash, RowId row);
  void make_room(uint64_t hash);
  void split(Segment& segment, uint64_t hash);
  void widen(Segment& segment);

  std::function<uint64_t(RowId)> hash_of_;
  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<Segment*> directory_;  // 2^bits_
  int bits_ = 0;
  int64_t size_ = 0, capacity_ = 0;
  double growth_seconds_ = 0;
};

}  // namespace trireme::ps
