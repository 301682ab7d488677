#include <pmmintrin.h>
#include <xmmintrin.h>

#include "kernels/cpu/levels.h"

namespace trireme::cpu {

namespace baseline {
void fill_table(KernelTable&) noexcept;
const OwnPlans& own_plans() noexcept;
}  // namespace baseline
namespace v3 {
void fill_table(KernelTable&) noexcept;
const OwnPlans& own_plans() noexcept;
}  // namespace v3
namespace v4 {
void fill_table(KernelTable&) noexcept;
const OwnPlans& own_plans() noexcept;
}  // namespace v4

std::span<const Level> all_levels() {
  static constexpr Level levels[] = {
      {"baseline", [] { return true; }, baseline::fill_table, baseline::own_plans,
       dnnl::cpu_isa::sse41},
      {"x86-64-v3", [] { return __builtin_cpu_supports("x86-64-v3") != 0; }, v3::fill_table,
       v3::own_plans, dnnl::cpu_isa::avx2},
      {"x86-64-v4", [] { return __builtin_cpu_supports("x86-64-v4") != 0; }, v4::fill_table,
       v4::own_plans, dnnl::cpu_isa::avx512_core},
  };
  return levels;
}

void flush_denormals() {
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
}

}  // namespace trireme::cpu
