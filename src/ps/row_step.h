#pragma once
// The step of a table's rows, when all of it is known: rows that somebody waits for first, the
// others when there is time. Which is when changes no bit: a row's step reads that row alone.

#include <functional>
#include <span>
#include <vector>

#include "ps/row_gradient.h"
#include "ps/row_table.h"

namespace trireme::ps {

class RowStep {
 public:
  // train(rows, gradient): steps rows[i] by row i of the gradient.
  using Train = std::function<void(std::span<const RowId> rows, const RowsView& gradient)>;

  // rows[i]: that of the sum's row i; kNoRow: none. Borrows both until finish(), which is due.
  void begin(const RowsView& sum, std::span<const RowId> rows, Train train);
  // Those of `keys` (ascending) that are not stepped yet.
  void step(std::span<const int64_t> keys);
  void finish();
  bool open() const { return static_cast<bool>(train_); }

 private:
  void take(size_t place);
  void train();

  RowsView sum_;
  std::span<const RowId> rows_;
  Train train_;              // null: nothing is left to be done
  std::vector<bool> taken_;  // by place in the sum
  std::vector<RowId> some_;
  std::vector<float> gradient_;  // of some_
};

}  // namespace trireme::ps
