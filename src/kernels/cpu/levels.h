#pragma once
// The instruction levels of this machine; one of levels_x86.cpp and levels_generic.cpp is built.

#include <dnnl.hpp>
#include <span>

#include "kernels/cpu/own_plans.h"
#include "kernels/kernel_table.h"

namespace trireme::cpu {

struct Level {
  const char* name;
  bool (*available)();
  void (*fill_table)(KernelTable&) noexcept;
  const OwnPlans& (*own_plans)() noexcept;
  dnnl::cpu_isa isa;  // oneDNN's maximum at this level
};
std::span<const Level> all_levels();  // lowest first; the first is always available

// Of the calling thread: results below the normal range become zero, and such operands count as
// zero.
void flush_denormals();

}  // namespace trireme::cpu
