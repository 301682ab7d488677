#pragma once

#include <cstddef>
#include <vector>

namespace trireme {

inline std::vector<std::byte> filled(size_t n, int value) {
  return std::vector<std::byte>(n, static_cast<std::byte>(value));
}

}  // namespace trireme
