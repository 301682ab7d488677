#pragma once
// Runs a CUDA grid on the calling thread: block after block, the threads of a block as fibers, each
// until it waits. A thread that waits in a warp operation goes on when its whole warp is there; one
// at a barrier when the whole block is. What CUDA leaves undefined is a fault here, named by file
// and line: threads of a warp or block that wait in different places, or of which some have ended,
// and an index outside a shared array. A missing barrier shows as a wrong result in at least one of
// the thread orders: shared memory is filled with 0xFF (NaN) before every block, and a thread that
// does not wait runs before or after all others.

#include <cstddef>
#include <string>

#include "cuda_shim/cuda_types.h"

namespace trireme::cuda_shim {

// Order in which a grid's blocks and a block's threads run between two meetings.
enum class Order { ascending, descending, shuffled };

struct Where {  // of a call in a kernel, taken as a default argument
  const char* file;
  int line;
  static constexpr Where current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  friend bool operator==(const Where&, const Where&) = default;
};

// For the grids that the calling thread runs from now on.
void set_order(Order order);
// The first fault of the calling thread's grids since the last call; empty: none.
std::string take_fault();

// Runs call(closure) as every thread of the grid. False: there was a fault.
bool run_grid(dim3 grid, unsigned block, size_t dynamic_shared_bytes, void (*call)(void*),
              void* closure) noexcept;

// ---- from inside a kernel
// The block's memory for a declaration, found by the address `site`.
void* shared_memory(const void* site, size_t bytes);
void* dynamic_shared_memory();
// Ends this thread and the grid.
[[noreturn]] void fault(const std::string& message);
void wait_for_block(Where where);
// Waits for the warp; *value becomes what `source_lane` brought. `size` <= 16.
void exchange_in_warp(void* value, size_t size, int source_lane, Where where);

// What TRIREME_SHARED declares: an array with checked indices.
template <class T, int kCount>
class SharedArray {
 public:
  explicit SharedArray(const void* site)
      : data_(static_cast<T*>(shared_memory(site, sizeof(T) * kCount))) {}
  template <class Index>
  T& operator[](Index i) const {
    if (i < 0 || static_cast<size_t>(i) >= size_t{kCount})
      fault("index " + std::to_string(i) + " of a shared array of " + std::to_string(kCount));
    return data_[i];
  }

 private:
  T* data_;
};

}  // namespace trireme::cuda_shim
