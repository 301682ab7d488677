#include "ps/row_order.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace trireme::ps {

RowOrder::RowOrder(RowTable& table, ShardRange shards, By by, int64_t most)
    : table_(table), range_(shards), by_(by), shards_(static_cast<size_t>(shards.size())) {
  if (by_ != By::updates) return;
  // Memory that is not touched yet costs nothing; growing would copy it.
  place_.reserve(static_cast<size_t>(most * shards.size()));
  heaps_.resize(shards_.size());
  for (Heap& heap : heaps_) heap.reserve(static_cast<size_t>(most));
}

int64_t RowOrder::bytes() const {
  int64_t total = static_cast<int64_t>(shards_.size() * sizeof(Shard)) +
                  static_cast<int64_t>(heaps_.size() * sizeof(Heap)) +
                  static_cast<int64_t>(place_.capacity() * sizeof(uint32_t));
  for (const Heap& heap : heaps_) total += static_cast<int64_t>(heap.capacity() * sizeof(RowId));
  return total;
}

RowId RowOrder::first(int shard) const {
  if (by_ == By::last_step) return oldest(shard);
  const Heap& heap = heaps_[static_cast<size_t>(shard - range_.first)];
  return heap.empty() ? kNoRow : heap.front();
}

// A row outside the list points at itself.
void RowOrder::unlink(Shard& shard, RowId row) {
  RowHeader& h = table_.header(row);
  if (h.before == row) return;
  (h.before == kNoRow ? shard.oldest : table_.header(h.before).after) = h.after;
  (h.after == kNoRow ? shard.newest : table_.header(h.after).before) = h.before;
  h.before = h.after = row;
}

void RowOrder::append(int shard, RowId row) {
  Shard& s = at(shard);
  RowHeader& h = table_.header(row);
  h.before = s.newest;
  h.after = kNoRow;
  (s.newest == kNoRow ? s.oldest : table_.header(s.newest).after) = row;
  s.newest = row;
}

// Several rows of the heap have come to go later. Taken from its end, each finds everything below
// it in order (Floyd's construction of a heap).
void RowOrder::take(int shard, std::span<const RowId> rows) {
  for (const RowId row : rows)
    for (const RowId neighbour : {table_.header(row).before, table_.header(row).after})
      if (neighbour != kNoRow) __builtin_prefetch(&table_.header(neighbour));
  for (const RowId row : rows) unlink(at(shard), row);
  if (by_ != By::updates) return;
  places_.clear();
  for (const RowId row : rows) places_.push_back(place_[row]);
  std::ranges::sort(places_, std::greater<>());
  for (const uint32_t place : places_) sift_down(heap(shard), place);
}

void RowOrder::insert(int shard, RowId row) {
  ++at(shard).size;
  table_.header(row).before = table_.header(row).after = row;
  if (by_ != By::updates) return;
  if (row >= place_.size()) place_.resize(row + 1);
  heap(shard).push_back(row);
  sift_up(heap(shard), heap(shard).size() - 1);
}

void RowOrder::remove(int shard, RowId row) {
  --at(shard).size;
  unlink(at(shard), row);
  if (by_ != By::updates) return;
  Heap& heap = this->heap(shard);
  const size_t place = place_[row];
  const RowId last = heap.back();
  heap.pop_back();
  if (last == row) return;
  put(heap, place, last);
  sift_up(heap, place);
  sift_down(heap, place_[last]);
}

bool RowOrder::goes_before(RowId a, RowId b) const {
  const RowHeader &x = table_.header(a), &y = table_.header(b);
  return std::tie(x.updates, x.last_step, x.key) < std::tie(y.updates, y.last_step, y.key);
}

void RowOrder::put(Heap& heap, size_t place, RowId row) {
  heap[place] = row;
  place_[row] = static_cast<uint32_t>(place);
}

void RowOrder::sift_up(Heap& heap, size_t place) {
  const RowId row = heap[place];
  while (place > 0) {
    const size_t parent = (place - 1) / 2;
    if (!goes_before(row, heap[parent])) break;
    put(heap, place, heap[parent]);
    place = parent;
  }
  put(heap, place, row);
}

void RowOrder::sift_down(Heap& heap, size_t place) {
  const size_t n = heap.size();
  const RowId row = heap[place];
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= n) break;
    if (child + 1 < n && goes_before(heap[child + 1], heap[child])) ++child;
    if (!goes_before(heap[child], row)) break;
    put(heap, place, heap[child]);
    place = child;
  }
  put(heap, place, row);
}

void RowOrder::rebuild() {
  for (Shard& shard : shards_) {
    shard.oldest = shard.newest = kNoRow;
    shard.size = 0;
  }
  for (Heap& heap : heaps_) heap.clear();
  struct Seen {
    int64_t last_step, key;
    RowId row;
  };
  std::vector<Seen> all;
  all.reserve(static_cast<size_t>(table_.size()));
  for (int64_t i = 0; i < table_.slots(); ++i) {
    const auto row = static_cast<RowId>(i);
    const RowHeader& h = table_.header(row);
    if (h.live()) all.push_back({h.last_step, h.key, row});
  }
  std::ranges::sort(all, [](const Seen& a, const Seen& b) {
    return std::tie(a.last_step, a.key) < std::tie(b.last_step, b.key);
  });
  for (const Seen& seen : all) {
    insert(shard_of(seen.key), seen.row);
    append(shard_of(seen.key), seen.row);
  }
}

}  // namespace trireme::ps
