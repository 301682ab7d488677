#pragma once
// How the gradients are cut for their way between hosts.

#include <vector>

#include "tensor/param_table.h"

namespace trireme {

// [0, elements) in order, cut at multiples of kChunk. `size`: elements of a bucket. The first
// bucket and those of the last `size` elements have a quarter: the link starts early, and little is
// left to travel when backward ends.
std::vector<Range> cut_buckets(int64_t elements, int64_t size);

}  // namespace trireme
