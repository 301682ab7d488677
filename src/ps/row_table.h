#pragma once
// An embedding table in memory: rows of `dim` fp32 under int64 keys, with the optimizer's state
// right behind each row. Rows are made on first touch and never move.
//
// Threads: calls that make rows (find_or_create, restore) come from one thread at a time and may go
// on while others read or change rows that are there already; find() may not run beside them. The
// caller keeps two threads off one row.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "ps/row_index.h"
#include "tensor/buffer.h"
#include "tensor/table_spec.h"

namespace trireme::ps {

struct RowHeader {
  int64_t key = 0;
  int64_t last_step = 0;  // OptimizerScalars::step of the last update
  int64_t updates = 0;    // how many there were
  int64_t reserved = 0;
};
static_assert(sizeof(RowHeader) == 32);

struct RowState {  // the optimizer's, of every row
  int64_t floats = 0;
  float initial = 0;
};

class RowTable {
 public:
  // Throws ConfigError for an initializer that rows do not have.
  RowTable(TableSpec spec, RowState state, uint64_t seed);
  RowTable(const RowTable&) = delete;  // the index refers to it
  RowTable& operator=(const RowTable&) = delete;

  const TableSpec& spec() const { return spec_; }
  const RowState& row_state() const { return state_; }
  int64_t dim() const { return spec_.dim; }
  int64_t size() const { return size_; }
  int64_t bytes() const;  // of rows and index
  // Of one row as it lies in memory: header, weights, state.
  size_t row_bytes() const {
    return sizeof(RowHeader) + static_cast<size_t>(spec_.dim + state_.floats) * sizeof(float);
  }

  // rows[i]: the row of keys[i], made where there is none. keys need not be sorted; an equal pair
  // gives the same row. rows.size() == keys.size().
  void find_or_create(std::span<const int64_t> keys, std::span<RowId> rows);
  // The same, with kNoRow where there is none.
  void find(std::span<const int64_t> keys, std::span<RowId> rows) const;
  // out[i] = weights of rows[i], zeros for kNoRow. out: [rows.size(), dim].
  void gather(std::span<const RowId> rows, float* out) const;

  // Asks for the row's cache lines, header, weights and state.
  void prefetch(RowId row) const {
    const float* from = at(row);
    for (int64_t i = 0; i < stride_; i += kLine) __builtin_prefetch(from + i);
  }

  RowHeader& header(RowId row) { return *reinterpret_cast<RowHeader*>(at(row)); }
  const RowHeader& header(RowId row) const { return *reinterpret_cast<RowHeader*>(at(row)); }
  float* weights(RowId row) { return at(row) + kHeaderFloats; }
  const float* weights(RowId row) const { return at(row) + kHeaderFloats; }
  float* state(RowId row) { return weights(row) + spec_.dim; }
  const float* state(RowId row) const { return weights(row) + spec_.dim; }

  // Rows [0, count), by ascending key; 20 bytes a row meanwhile. Rows are numbered in the order in
  // which they were made: those of size() at one time are [0, size()). May run beside what makes
  // more.
  std::vector<RowId> by_key(int64_t count) const;

  // Element e of a new row is drawn from (seed, table name, key, e) alone.
  void initial_row(int64_t key, float* weights) const;

 private:
  static constexpr int64_t kHeaderFloats = sizeof(RowHeader) / sizeof(float);
  static constexpr int64_t kLine = kAlignment / sizeof(float);
  static constexpr size_t kChunksPerBlock = 4096;
  using Block = std::array<AlignedBuffer, kChunksPerBlock>;

  uint64_t hash(int64_t key) const { return mix(static_cast<uint64_t>(key), salt_); }
  float* at(RowId row) const {
    const size_t chunk = row >> shift_;
    return (*blocks_[chunk / kChunksPerBlock])[chunk % kChunksPerBlock].floats() +
           static_cast<int64_t>(row & ((1u << shift_) - 1)) * stride_;
  }
  RowId make_row(int64_t key);
  template <class Missing>
  void look_up(std::span<const int64_t> keys, std::span<RowId> rows, Missing missing) const;

  TableSpec spec_;
  RowState state_;
  uint64_t salt_, values_;  // keys of hash and initial values
  int64_t stride_;          // floats from row to row: whole cache lines
  int shift_;               // log2 of the rows of a chunk
  // Two levels, the outer of fixed size: at() meets no pointer that growing would move.
  std::vector<std::unique_ptr<Block>> blocks_;
  int64_t size_ = 0;
  RowIndex index_;
};

}  // namespace trireme::ps
