#pragma once
// Sleeping on a word in memory that several processes map, at different addresses.

#include <atomic>
#include <cstdint>

namespace trireme {

// Returns when somebody woke the word's sleepers, when it is not `expected`, or after a nap of 50
// milliseconds, so that the caller can look at its peers.
void futex_wait(std::atomic<uint32_t>& word, uint32_t expected);
void futex_wake_all(std::atomic<uint32_t>& word);

}  // namespace trireme
