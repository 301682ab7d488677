#pragma once
// An embedding table in memory: rows of `dim` fp32 under int64 keys, with the optimizer's state
// right behind each row. Rows never move; a new row takes the place of one that was erased.
//
// Threads: calls that make or erase rows come from one thread at a time. find_or_create() may go on
// while others read or change rows that are there already, where no row is ever erased; else, and
// beside find(), nobody else may be there. The caller keeps two threads off one row.

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/rng.h"
#include "ps/row_index.h"
#include "tensor/buffer.h"
#include "tensor/table_spec.h"

namespace trireme::ps {

struct RowHeader {
  int64_t key = 0;
  int64_t last_step = 0;                  // OptimizerScalars::step of the last update
  int64_t updates = 0;                    // how many there were; below 0: the row was erased
  RowId before = kNoRow, after = kNoRow;  // RowOrder's; of an erased row, after: the next such
  bool live() const { return updates >= 0; }
};
static_assert(sizeof(RowHeader) == 32);

struct RowState {  // the optimizer's, of every row
  int64_t floats = 0;
  float initial = 0;
};

class FrozenRows;

class RowTable {
 public:
  // most: rows that there will be at one time, where that is known (0: it is not): the index then
  // has its full size from the start. Throws ConfigError for an initializer that rows do not have.
  RowTable(TableSpec spec, RowState state, uint64_t seed, int64_t most = 0);
  RowTable(const RowTable&) = delete;  // the index refers to it
  RowTable& operator=(const RowTable&) = delete;

  const TableSpec& spec() const { return spec_; }
  const RowState& row_state() const { return state_; }
  int64_t dim() const { return spec_.dim; }
  int64_t size() const { return slots_ - erased_; }
  // Rows are numbered [0, slots()), those erased among them.
  int64_t slots() const { return slots_; }
  double growth_seconds() const { return index_.growth_seconds(); }  // RowIndex's
  int64_t bytes() const;                                             // of rows and index
  // Of bytes(), most for each of `most` rows of this width (0: a key alone), but for what pages
  // are rounded up by: at most a 32nd of it and 16 KiB.
  static int64_t bytes_of_row(int64_t dim, const RowState& state);
  // Of one row as it lies in memory: header, weights, state.
  size_t row_bytes() const { return row_bytes(spec_.dim, state_); }
  static size_t row_bytes(int64_t dim, const RowState& state) {
    return sizeof(RowHeader) + static_cast<size_t>(dim + state.floats) * sizeof(float);
  }

  // rows[i]: the row of keys[i], made where there is none. keys need not be sorted; an equal pair
  // gives the same row. rows.size() == keys.size().
  void find_or_create(std::span<const int64_t> keys, std::span<RowId> rows);
  // Sets the row of image's key, made where there is none, to image: row_bytes() of any alignment.
  void put(const std::byte* image);
  // The row of a key that has none yet.
  RowId make(int64_t key);
  // Its memory is the next new row's.
  void erase(RowId row);
  // As find_or_create(), with kNoRow where there is no row.
  void find(std::span<const int64_t> keys, std::span<RowId> rows) const;
  // The same, and out[i] = weights of rows[i], zeros for kNoRow. out: [rows.size(), dim].
  void read(std::span<const int64_t> keys, std::span<RowId> rows, float* out) const;

  // Who wants to know of rows before they change: here those that are erased, made anew or put; of
  // others whoever changes them tells (kNoRow among them: of none). null: nobody.
  void watch(FrozenRows* watcher) { watcher_ = watcher; }
  void will_change(std::span<const RowId> rows) const;

  // Asks for the row's cache lines, header, weights and state.
  void prefetch(RowId row) const { prefetch(row, stride_); }

  RowHeader& header(RowId row) { return *reinterpret_cast<RowHeader*>(at(row)); }
  const RowHeader& header(RowId row) const { return *reinterpret_cast<RowHeader*>(at(row)); }
  float* weights(RowId row) { return at(row) + kHeaderFloats; }
  const float* weights(RowId row) const { return at(row) + kHeaderFloats; }
  float* state(RowId row) { return weights(row) + spec_.dim; }
  const float* state(RowId row) const { return weights(row) + spec_.dim; }

  // Of rows [0, slots) those that are not erased, by ascending key; 20 bytes a row meanwhile. Where
  // none is ever erased, it may run beside what makes more than there were at one time.
  std::vector<RowId> by_key(int64_t slots) const;

  // Element e of a new row is drawn from (seed, table name, key, e) alone.
  void initial_row(int64_t key, float* weights) const;

 private:
  // A table of a few rows shall not take a huge page.
  static constexpr size_t kSmall = 2 << 20;
  static constexpr int64_t kHeaderFloats = sizeof(RowHeader) / sizeof(float);
  static constexpr int64_t kLine = kAlignment / sizeof(float);

  uint64_t hash(int64_t key) const { return mix(static_cast<uint64_t>(key), salt_); }
  float* at(RowId row) const {
    return reinterpret_cast<float*>(blocks_[row >> shift_].data()) +
           static_cast<int64_t>(row & ((1u << shift_) - 1)) * stride_;
  }
  size_t block_bytes() const {
    return (size_t{1} << shift_) * static_cast<size_t>(stride_) * sizeof(float);
  }
  // How much of a block's start is to stay in small pages.
  size_t small_pages(size_t block) const {
    if (!huge_) return block_bytes();
    return block == 0 ? kSmall : 0;
  }
  RowId free_row();
  void will_change(RowId row) const { will_change(std::span(&row, 1)); }
  void prefetch(RowId row, int64_t floats) const {
    const float* from = at(row);
    for (int64_t i = 0; i < floats; i += kLine) __builtin_prefetch(from + i);
  }
  // floats: of a row, that `each` will read.
  template <class Each>
  void look_up(std::span<const int64_t> keys, int64_t floats, Each each) const;

  TableSpec spec_;
  RowState state_;
  uint64_t salt_, values_;  // keys of hash and initial values
  int64_t stride_;          // floats from row to row: whole cache lines, or half of one
  bool huge_;               // pages, but for the first rows
  int shift_;               // log2 of the rows of a block
  // Of fixed size: at() meets no pointer that growing would move. (It grows where more rows than
  // `most` are made after all: of a checkpoint.)
  std::vector<ReservedMemory> blocks_;
  int64_t slots_ = 0, erased_ = 0;
  RowId free_ = kNoRow;  // the last erased
  FrozenRows* watcher_ = nullptr;
  RowIndex index_;
};

}  // namespace trireme::ps
