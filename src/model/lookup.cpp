#include "model/lookup.h"

#include <algorithm>
#include <bit>

namespace trireme {

int32_t Lookup::number_of(int64_t key) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = static_cast<size_t>(mix(static_cast<uint64_t>(key), 0)) & mask;;
       i = (i + 1) & mask) {
    if (slots_[i] < 0) {
      slots_[i] = static_cast<int32_t>(keys_.size());
      keys_.push_back(key);
      return slots_[i];
    }
    if (keys_[static_cast<size_t>(slots_[i])] == key) return slots_[i];
  }
}

void Lookup::build(const int64_t* ids, int64_t samples, int64_t features, int64_t values,
                   bool per_feature) {
  const auto positions = static_cast<size_t>(samples * features * values);
  keys_.clear();
  index_.resize(positions);
  slots_.assign(std::bit_ceil(2 * positions + 1), -1);
  size_t at = 0;
  for (int64_t sample = 0; sample < samples; ++sample)
    for (int64_t feature = 0; feature < features; ++feature)
      for (int64_t v = 0; v < values; ++v, ++at)
        index_[at] = ids[at] == -1 ? -1 : number_of(table_key(ids[at], feature, per_feature));
  sort_keys();
}

// Numbers keys by their order instead of by first appearance.
void Lookup::sort_keys() {
  order_.clear();
  for (size_t i = 0; i < keys_.size(); ++i) order_.emplace_back(keys_[i], static_cast<int32_t>(i));
  std::sort(order_.begin(), order_.end());
  sorted_number_.resize(keys_.size());
  for (size_t i = 0; i < order_.size(); ++i) {
    keys_[i] = order_[i].first;
    sorted_number_[static_cast<size_t>(order_[i].second)] = static_cast<int32_t>(i);
  }
  for (int32_t& number : index_)
    if (number >= 0) number = sorted_number_[static_cast<size_t>(number)];
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
