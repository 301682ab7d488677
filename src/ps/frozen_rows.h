#pragma once
// The rows of a table as they were at one moment, while the table goes on: an image is kept of each
// row that changes before nobody asks for it any more. Of the table's thread.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "ps/row_table.h"

namespace trireme::ps {

class FrozenRows {
 public:
  // Of `table` as it is now, which tells this of what it changes (RowTable::watch()) for as long as
  // this is there; one at a time. Costs no pass over the rows.
  explicit FrozenRows(RowTable& table);
  ~FrozenRows();
  FrozenRows(const FrozenRows&) = delete;
  FrozenRows& operator=(const FrozenRows&) = delete;

  int64_t size() const { return size_; }  // rows
  int64_t slots() const {
    return slots_;
  }  // rows are numbered [0, slots()), erased ones among them
  // RowTable::row_bytes() of header, weights and state as they were, until the row changes next or
  // this is gone. The header may say that it was erased (live()). Not of a row that was let go.
  const std::byte* image(RowId row) const;
  const RowHeader& header(RowId row) const {
    return *reinterpret_cast<const RowHeader*>(image(row));
  }
  void prefetch(RowId row) const { table_.prefetch(row); }  // as RowTable's
  // image() is not asked for any more.
  void let_go(RowId row) { place(row) = kGone; }

  // By the table: the row is about to change, to be erased, or to become another.
  void keep(RowId row) {
    if (row < slots_ && place(row) == kInTable) keep_image(row);
  }
  int64_t kept() const { return kept_; }  // images so far
  int64_t bytes() const;                  // what this takes beside the table

 private:
  static constexpr uint32_t kInTable = 0, kGone = 1, kFirst = 2;  // else image place - kFirst
  static constexpr size_t kPlaces = 1 << 14, kImageBytes = 1 << 20;
  using Places = std::array<uint32_t, kPlaces>;
  uint32_t& place(RowId row);
  void keep_image(RowId row);
  std::byte* kept_image(int64_t i) const {
    return chunks_[static_cast<size_t>(i / per_chunk_)].get() + (i % per_chunk_) * row_bytes_;
  }

  RowTable& table_;
  const int64_t size_, slots_;
  const int64_t row_bytes_, per_chunk_;
  std::vector<std::unique_ptr<Places>> places_;       // made when the first of their rows is named
  std::vector<std::unique_ptr<std::byte[]>> chunks_;  // of images
  int64_t kept_ = 0;
};

}  // namespace trireme::ps
