#include "ps/row_step.h"

#include <utility>

namespace trireme::ps {

void RowStep::begin(const RowsView& sum, std::span<const RowId> rows, Train train) {
  sum_ = sum;
  rows_ = rows;
  train_ = std::move(train);
  taken_.assign(rows.size(), false);
}

void RowStep::take(size_t place) {
  if (taken_[place] || rows_[place] == kNoRow) return;
  taken_[place] = true;
  some_.push_back(rows_[place]);
  const float* row = sum_.row(static_cast<int64_t>(place));
  gradient_.insert(gradient_.end(), row, row + sum_.dim);
}

void RowStep::train() {
  if (!some_.empty()) train_(some_, {sum_.dim, {}, gradient_.data()});
  some_.clear();
  gradient_.clear();
}

void RowStep::step(std::span<const int64_t> keys) {
  if (!open()) return;
  size_t at = 0;
  for (const int64_t key : keys) {
    while (at < sum_.keys.size() && sum_.keys[at] < key) ++at;
    if (at == sum_.keys.size()) break;
    if (sum_.keys[at] == key) take(at);
  }
  train();
}

void RowStep::finish() {
  if (!open()) return;
  for (size_t place = 0; place < rows_.size(); ++place) take(place);
  train();
  train_ = nullptr;
}

}  // namespace trireme::ps
