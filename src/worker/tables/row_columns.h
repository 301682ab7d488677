#pragma once
// A table's rows as tensors of a checkpoint: which there are, and where each has its values in the
// image of a row (ps::RowTable).

#include <string>
#include <string_view>
#include <vector>

#include "ps/row_optimizer.h"
#include "ps/row_table.h"
#include "tensor/dtype.h"

namespace trireme {

using RowMoments = std::vector<ps::RowOptimizer::Moment>;

struct RowColumn {
  std::string tensor;  // table.NAME.SUFFIX
  int64_t width;       // values of a row; 0: one, and the tensor has one axis
  DType dtype;
  size_t offset;  // bytes into the image
  size_t bytes() const { return static_cast<size_t>(width > 0 ? width : 1) * size_of(dtype); }
  Shape shape(int64_t rows) const { return width == 0 ? Shape{rows} : Shape{rows, width}; }
};

// keys [n] int64, last_step, updates, rows [n, dim], and each of the optimizer's moments, in this
// order.
std::vector<RowColumn> row_columns(const TableSpec& table, const RowMoments& moments);
// "table.NAME.candidates.SUFFIX": keys [n] int64, last_step, sightings.
std::vector<RowColumn> candidate_columns(const TableSpec& table);

}  // namespace trireme
