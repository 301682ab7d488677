#include "ps/table_copy.h"

#include <algorithm>
#include <cstring>

namespace trireme::ps {
namespace {
constexpr int64_t kDistance = 8;  // rows between a prefetch and its use
}

TableCopy::TableCopy(const std::vector<RowTable*>& parts, StateWriter& writer) : writer_(writer) {
  for (RowTable* table : parts)
    parts_.push_back({parts_.size(), std::make_unique<FrozenRows>(*table), table->row_bytes()});
}

bool TableCopy::advance() {
  if (done()) return false;
  switch (stage_) {
    case Stage::list:
      list_keys();
      return true;
    case Stage::sort: {
      auto sorted = writer_.sorted();
      if (!sorted) return false;
      keys_ = std::move(*sorted);
      stage_ = Stage::copy;
      return true;
    }
    case Stage::copy:
      break;
  }
  return copy_rows();
}

void TableCopy::list_keys() {
  const FrozenRows& rows = *parts_.front().rows;
  if (next_ == 0) keys_.reserve(static_cast<size_t>(rows.size()));
  const int64_t end = std::min(next_ + kPiece, rows.slots());
  for (; next_ < end; ++next_) {
    const RowHeader& header = rows.header(static_cast<RowId>(next_));
    if (header.live()) keys_.emplace_back(header.key, static_cast<RowId>(next_));
  }
  if (next_ < rows.slots()) return;
  writer_.sort(std::exchange(keys_, {}));
  next_ = 0;
  stage_ = Stage::sort;
}

bool TableCopy::copy_rows() {
  const Part& part = parts_.front();
  const auto all = static_cast<int64_t>(keys_.size()), size = static_cast<int64_t>(part.row_bytes);
  if (next_ < all && !chunk_) {
    if (!writer_.has_room()) return false;
    chunk_rows_ = std::min(std::max<int64_t>(1, kChunkBytes / size), all - next_);
    in_chunk_ = 0;
    chunk_ = std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(chunk_rows_ * size));
  }
  const int64_t end = std::min({next_ + kPiece, next_ + chunk_rows_ - in_chunk_, all});
  for (; next_ < end; ++next_, ++in_chunk_) {
    if (next_ + kDistance < all) part.rows->prefetch(row_at(next_ + kDistance));
    std::memcpy(chunk_.get() + in_chunk_ * size, part.rows->image(row_at(next_)), part.row_bytes);
    part.rows->let_go(row_at(next_));
  }
  if (chunk_ && in_chunk_ == chunk_rows_) writer_.take(part.number, chunk_rows_, std::move(chunk_));
  if (next_ == all) next_part();
  return true;
}

void TableCopy::next_part() {
  parts_.pop_front();
  keys_ = {};
  next_ = 0;
  stage_ = Stage::list;
}

int64_t TableCopy::bytes() const {
  auto total = static_cast<int64_t>(keys_.capacity() * sizeof(keys_[0]));
  if (chunk_) total += chunk_rows_ * static_cast<int64_t>(parts_.front().row_bytes);
  for (const Part& part : parts_) total += part.rows->bytes();
  return total;
}

}  // namespace trireme::ps
