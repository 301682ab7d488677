#pragma once
// XXH64 (Collet, the xxHash specification, version 0.2): a 64-bit hash that other programs compute
// alike, whatever the machine.

#include <cstdint>
#include <string_view>

namespace trireme {

uint64_t xxh64(std::string_view bytes, uint64_t seed = 0);

}  // namespace trireme
