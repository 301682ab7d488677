#include "ps/frozen_rows.h"

#include <algorithm>
#include <cstring>

namespace trireme::ps {
namespace {

constexpr int64_t kImage = alignof(RowHeader);

}  // namespace

FrozenRows::FrozenRows(RowTable& table)
    : table_(table),
      size_(table.size()),
      slots_(table.slots()),
      row_bytes_((static_cast<int64_t>(table.row_bytes()) + kImage - 1) / kImage * kImage),
      per_chunk_(std::max<int64_t>(1, static_cast<int64_t>(kImageBytes) / row_bytes_)),
      places_((static_cast<size_t>(slots_) + kPlaces - 1) / kPlaces) {
  table_.watch(this);
}

FrozenRows::~FrozenRows() { table_.watch(nullptr); }

uint32_t& FrozenRows::place(RowId row) {
  std::unique_ptr<Places>& places = places_[row / kPlaces];
  if (!places) places = std::make_unique<Places>();
  return (*places)[row % kPlaces];
}

const std::byte* FrozenRows::image(RowId row) const {
  const std::unique_ptr<Places>& places = places_[row / kPlaces];
  const uint32_t place = places ? (*places)[row % kPlaces] : kInTable;
  return place == kInTable ? reinterpret_cast<const std::byte*>(&std::as_const(table_).header(row))
                           : kept_image(place - kFirst);
}

void FrozenRows::keep_image(RowId row) {
  if (kept_ == static_cast<int64_t>(chunks_.size()) * per_chunk_)
    chunks_.push_back(
        std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(per_chunk_ * row_bytes_)));
  std::memcpy(kept_image(kept_), &std::as_const(table_).header(row), table_.row_bytes());
  place(row) = kFirst + static_cast<uint32_t>(kept_++);
}

int64_t FrozenRows::bytes() const {
  const auto named = std::ranges::count_if(places_, [](const auto& p) { return p != nullptr; });
  return static_cast<int64_t>(chunks_.size()) * per_chunk_ * row_bytes_ +
         named * static_cast<int64_t>(sizeof(Places)) +
         static_cast<int64_t>(places_.size() * sizeof(places_[0]));
}

}  // namespace trireme::ps
