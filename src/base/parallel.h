#pragma once
// Work spread over the machine's threads while a run is set up.

#include <cstdint>
#include <functional>

namespace trireme {

// Calls work(i) for every i in [0, n), each once, in no fixed order. When calls throw, rethrows
// what the lowest failing i threw, whatever the number of threads.
void parallel_for(int64_t n, const std::function<void(int64_t)>& work);

}  // namespace trireme
