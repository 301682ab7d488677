#include "kernels/cpu/levels.h"

namespace trireme::cpu {

namespace baseline {
void fill_table(KernelTable&) noexcept;
const OwnPlans& own_plans() noexcept;
}  // namespace baseline

std::span<const Level> all_levels() {
  static constexpr Level levels[] = {
      {"baseline", [] { return true; }, baseline::fill_table, baseline::own_plans,
       dnnl::cpu_isa::isa_default},
  };
  return levels;
}

// There is no portable way: here numbers below the normal range stay what they are, in every
// thread.
void flush_denormals() {}

}  // namespace trireme::cpu
