#pragma once
// The host's side of RowRuns (kernels/table_leaf.h): which positions add up to which row's
// gradient, sorted and cut, as words that are copied to a device in one piece.

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/table_leaf.h"

namespace trireme {

// Where the arrays lie for at most so many positions, whatever is looked up.
class RowRunLayout {
 public:
  explicit RowRunLayout(int64_t positions) : positions_(positions) {}
  int64_t words() const { return end(); }  // int32
  // Places in `partials`: a long row has a full run at least, and at most as many that are not.
  int64_t partials() const { return 2 * long_rows(); }
  // words: of the device.
  RowRuns at(const int32_t* words, float* partials) const {
    return {words,
            words + kCounts,
            words + first(),
            words + target(),
            words + long_number(),
            words + long_first(),
            partials};
  }

 private:
  friend class RowRunBuilder;
  static constexpr int64_t kCounts = 2;
  int64_t long_rows() const { return positions_ / kRowRun; }
  int64_t first() const { return kCounts + positions_; }
  int64_t target() const { return first() + positions_ + 1; }
  int64_t long_number() const { return target() + positions_; }
  int64_t long_first() const { return long_number() + long_rows(); }
  int64_t end() const { return long_first() + long_rows() + 1; }

  int64_t positions_;
};

// Its memory is used again.
class RowRunBuilder {
 public:
  // index: of every position, the number of its row, below `numbers`; -1: none. words: the host's
  // copy, layout.words() of them; at most as many positions as the layout is for.
  void build(std::span<const int32_t> index, int64_t numbers, const RowRunLayout& layout,
             int32_t* words);

 private:
  std::vector<int32_t> next_;  // by number: where its next position goes
};

}  // namespace trireme
