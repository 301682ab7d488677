#pragma once
// Gradients that are set or added to: what is there before.

#include <vector>

#include "kernels/elements.h"

namespace trireme::test {

inline double start_of(Write write) { return write == Write::add ? 1 : 0; }
inline float held(Write write) { return write == Write::add ? 1.0f : 9.0f; }
inline Elements start(ElementType type, size_t size, Write write) {
  return {type, std::vector<float>(size, held(write))};
}

}  // namespace trireme::test
