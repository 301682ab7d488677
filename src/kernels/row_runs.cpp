#include "kernels/row_runs.h"

#include <algorithm>

namespace trireme {

void RowRunBuilder::build(std::span<const int32_t> index, int64_t numbers,
                          const RowRunLayout& layout, int32_t* words) {
  int32_t* const positions = words + RowRunLayout::kCounts;
  int32_t *first = words + layout.first(), *target = words + layout.target();
  int32_t *long_number = words + layout.long_number(), *long_first = words + layout.long_first();
  next_.assign(static_cast<size_t>(numbers), 0);
  for (const int32_t number : index)
    if (number >= 0) ++next_[static_cast<size_t>(number)];
  int32_t runs = 0, long_rows = 0, partials = 0, begin = 0;
  for (int32_t number = 0; number < static_cast<int32_t>(numbers); ++number) {
    int32_t& next = next_[static_cast<size_t>(number)];
    const int32_t end = begin + next;
    const bool is_long = next > kRowRun;
    if (is_long) {
      long_number[long_rows] = number;
      long_first[long_rows++] = partials;
    }
    for (int32_t at = begin; at < end; at += static_cast<int32_t>(kRowRun), ++runs) {
      first[runs] = at;
      target[runs] = is_long ? ~partials++ : number;
    }
    next = begin;
    begin = end;
  }
  first[runs] = begin;
  long_first[long_rows] = partials;
  words[0] = runs;
  words[1] = long_rows;
  for (size_t position = 0; position < index.size(); ++position)
    if (const int32_t number = index[position]; number >= 0)
      positions[next_[static_cast<size_t>(number)]++] = static_cast<int32_t>(position);
}

}  // namespace trireme
