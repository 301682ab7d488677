#pragma once
#include <string>

#include "checkpoint/stored_tables.h"

namespace trireme {

// Size, norms, updates, age and the most updated keys of a table, in lines. One pass over its rows,
// which keeps 8 bytes a row. now: RunState::updates.
std::string describe_table(const StoredTable& table, int64_t now);

}  // namespace trireme
