#pragma once
// Places buffers with known lifetimes in one arena.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trireme {

struct PlannedBuffer {
  size_t bytes = 0;
  int first = 0, last = 0;  // inclusive times at which the bytes are in use
  int64_t offset = -1;      // result, a multiple of kAlignment
};

// Greedy by size (Pisarchyk and Lee, MLSys 2020 workshop, arXiv 2001.03288): the largest buffer
// first, at the lowest offset free during its whole life. Returns the arena's size. Empty buffers
// get offset 0.
size_t plan_memory(std::vector<PlannedBuffer>& buffers);

}  // namespace trireme
