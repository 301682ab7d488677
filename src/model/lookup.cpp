#include "model/lookup.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace trireme {
namespace {

constexpr size_t kFew = 256;       // below, a comparison sort is as fast
constexpr int kPositionBits = 32;  // of an entry to be sorted; the key's are above
constexpr int kDigitBits = 11;
constexpr int kDigits = (64 - kPositionBits + kDigitBits - 1) / kDigitBits;

// Signed order as an unsigned number's, and back.
constexpr uint64_t ordered(int64_t key) {
  return static_cast<uint64_t>(key) ^ uint64_t { 1 } << 63;
}
constexpr int64_t key_of(uint64_t order) { return static_cast<int64_t>(order ^ uint64_t{1} << 63); }

// By the `bits` above the position, least significant digit first. Stable, so positions stay
// ascending.
void radix_sort(std::vector<uint64_t>& entries, std::vector<uint64_t>& spare, int bits) {
  const int digits = (bits + kDigitBits - 1) / kDigitBits;
  const auto digit = [](uint64_t entry, int d) {
    return static_cast<size_t>(entry >> (kPositionBits + d * kDigitBits)) &
           ((1u << kDigitBits) - 1);
  };
  std::array<std::array<uint32_t, size_t{1} << kDigitBits>, kDigits> counts;
  for (int d = 0; d < digits; ++d) counts[static_cast<size_t>(d)].fill(0);
  for (const uint64_t entry : entries)
    for (int d = 0; d < digits; ++d) ++counts[static_cast<size_t>(d)][digit(entry, d)];
  spare.resize(entries.size());
  for (int d = 0; d < digits; ++d) {
    auto& count = counts[static_cast<size_t>(d)];
    uint32_t begin = 0;
    for (uint32_t& c : count) begin += std::exchange(c, begin);
    for (const uint64_t entry : entries) spare[count[digit(entry, d)]++] = entry;
    std::swap(entries, spare);
  }
}

}  // namespace

void Lookup::build(const int64_t* ids, int64_t samples, int64_t features, int64_t values,
                   bool per_feature) {
  const auto positions = static_cast<size_t>(samples * features * values);
  index_.resize(positions);
  key_of_.resize(positions);
  order_.resize(positions);
  size_t at = 0, n = 0;
  uint64_t least = ~uint64_t{0}, most = 0;
  for (int64_t sample = 0; sample < samples; ++sample)
    for (int64_t feature = 0; feature < features; ++feature)
      for (int64_t v = 0; v < values; ++v, ++at) {
        index_[at] = -1;
        if (ids[at] == -1) continue;
        const uint64_t key = ordered(table_key(ids[at], feature, per_feature));
        key_of_[at] = key;
        order_[n++] = at;
        least = std::min(least, key);
        most = std::max(most, key);
      }
  order_.resize(n);
  if (n > 0) {
    const int bits = std::bit_width(most - least), left_out = std::max(0, bits - kPositionBits);
    for (uint64_t& entry : order_) entry |= (key_of_[entry] - least) >> left_out << kPositionBits;
    if (n < kFew)
      std::ranges::sort(order_);
    else
      radix_sort(order_, spare_, bits - left_out);
    if (left_out > 0) sort_ties();
  }
  number_keys();
}

// Keys that agree in the bits that were sorted.
void Lookup::sort_ties() {
  const auto before = [this](uint64_t a, uint64_t b) {
    return std::pair(key_at(a), a) < std::pair(key_at(b), b);
  };
  for (auto begin = order_.begin(); begin != order_.end();) {
    auto end = begin + 1;
    bool differ = false;
    for (; end != order_.end() && *end >> kPositionBits == *begin >> kPositionBits; ++end)
      differ |= key_at(*end) != key_at(*begin);
    if (differ) std::sort(begin, end, before);
    begin = end;
  }
}

void Lookup::number_keys() {
  keys_.resize(order_.size());
  int32_t number = -1;
  uint64_t last = 0;
  for (const uint64_t entry : order_) {
    const uint64_t key = key_at(entry);
    number += number < 0 || key != last;
    keys_[static_cast<size_t>(number)] = key_of(key);
    index_[static_cast<uint32_t>(entry)] = number;
    last = key;
  }
  keys_.resize(static_cast<size_t>(number + 1));
}

void find_rows(std::span<const int64_t> keys, std::span<const int64_t> present,
               std::span<int32_t> row_of) {
  auto from = present.begin();
  for (size_t i = 0; i < keys.size(); ++i) {
    // Steps that double, then halves: near for dense keys, few looks where most are passed over.
    int64_t step = 1;
    while (present.end() - from > step && from[step] < keys[i]) {
      from += step;
      step *= 2;
    }
    from =
        std::lower_bound(from, from + std::min<int64_t>(step + 1, present.end() - from), keys[i]);
    row_of[i] = from != present.end() && *from == keys[i]
                    ? static_cast<int32_t>(from - present.begin())
                    : -1;
  }
}

}  // namespace trireme
