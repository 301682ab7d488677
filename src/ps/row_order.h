#pragma once
// In which order the rows of each virtual shard of a table go, when some have to: those not seen
// for longest first, (last_step, key), or those updated least, (updates, last_step, key). The first
// is a list through the rows' headers; the second a binary heap beside it, 8 bytes a row.
//
// A step is told in three parts: take() the rows that it saw, whose headers have changed; remove()
// and insert() others; append() the rows it saw and the new ones, by ascending key. One thread.

#include <span>
#include <vector>

#include "ps/row_table.h"
#include "ps/table_shards.h"

namespace trireme::ps {

class RowOrder {
 public:
  enum class By { last_step, updates };
  // Rows of the table in these shards; it is empty. most: of a shard, where known (0: not).
  RowOrder(RowTable& table, ShardRange shards, By by, int64_t most);

  int64_t size(int shard) const { return at(shard).size; }
  // The row seen least recently of those that no take() took out; kNoRow: there is none.
  RowId oldest(int shard) const { return at(shard).oldest; }
  RowId newest(int shard) const { return at(shard).newest; }
  // The row that goes first; kNoRow: none, or by last_step all were taken out.
  RowId first(int shard) const;

  void take(int shard, std::span<const RowId> rows);
  void insert(int shard, RowId row);  // a new row, which append() follows
  void append(int shard, RowId row);
  void remove(int shard, RowId row);  // before the table erases it

  // All rows of the table anew, from what their headers say; 24 bytes a row meanwhile.
  void rebuild();
  int64_t bytes() const;
  static constexpr int64_t bytes_of_row(By by) { return by == By::updates ? 8 : 0; }

 private:
  struct Shard {
    RowId oldest = kNoRow, newest = kNoRow;
    uint32_t size = 0;
  };
  using Heap = std::vector<RowId>;
  Shard& at(int shard) { return shards_[static_cast<size_t>(shard - range_.first)]; }
  const Shard& at(int shard) const { return shards_[static_cast<size_t>(shard - range_.first)]; }
  void unlink(Shard& shard, RowId row);
  bool goes_before(RowId a, RowId b) const;
  Heap& heap(int shard) { return heaps_[static_cast<size_t>(shard - range_.first)]; }
  void put(Heap& heap, size_t place, RowId row);
  void sift_up(Heap& heap, size_t place);
  void sift_down(Heap& heap, size_t place);

  RowTable& table_;
  const ShardRange range_;
  const By by_;
  std::vector<Shard> shards_;
  std::vector<Heap> heaps_;       // by updates: of each shard
  std::vector<uint32_t> place_;   // by row: where it is in its shard's heap
  std::vector<uint32_t> places_;  // of take()
};

}  // namespace trireme::ps
