#pragma once
// How far the workers of a parameter server may be apart (docs/parameter_server.md).

#include <cstdint>
#include <string_view>

namespace trireme::ps {

enum class Mode : uint8_t {
  sync,     // a clock's gradients are added up along the tree and applied at once, for all workers
  bounded,  // each push is applied as it comes; a worker may be `staleness` clocks ahead of the
            // slowest
  async,    // each push is applied as it comes
};
std::string_view name_of(Mode mode);

struct Consistency {
  Mode mode = Mode::sync;
  int64_t staleness = 0;  // clocks; bounded
};

}  // namespace trireme::ps
