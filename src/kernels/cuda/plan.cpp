#include "kernels/cuda/plan.h"

namespace trireme::cu {

// Both libraries read weights as they are stored: pack_bytes is always 0.
Status pack(const Plan*, Stream*, const Element*, void*, int64_t, int64_t) noexcept {
  return Status::unsupported;
}

Status run(const Plan* plan, Stream* stream, void* const* arguments, void* scratch) noexcept {
  return plan->run(stream, arguments, scratch);
}

void destroy(Plan* plan) noexcept { delete plan; }

}  // namespace trireme::cu
