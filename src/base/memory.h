#pragma once
#include <cstddef>

namespace trireme {

// Zeroed memory for std::free(); null where there is none. `alignment`: a power of two. What is at
// least as large as a huge page (2 MiB) asks the system for such pages: activations and tables are
// walked from end to end or at random, and would need more small pages than a core can translate.
void* zeroed_memory(size_t bytes, size_t alignment);

}  // namespace trireme
