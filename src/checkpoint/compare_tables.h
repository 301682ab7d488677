#pragma once
#include <vector>

#include "checkpoint/stored_tables.h"

namespace trireme {

// Tensors of two tables of one name that differ, by key: the keys', and of the columns that both
// have in one type and width; the names of those that were looked at go to `compared`.
std::vector<TensorDifference> compare_tables(const StoredTable& a, const StoredTable& b,
                                             std::vector<std::string>& compared);

}  // namespace trireme
