#pragma once
// The plugin's plans. Immutable; everything that a run changes is in its arguments and scratch.

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <exception>

#include "kernels/cuda/last_error.h"
#include "kernels/kernel_table.h"

namespace trireme {

struct Plan {
  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  virtual ~Plan() = default;
  virtual Status run(Stream*, void* const* arguments, void* scratch) const noexcept = 0;
};

namespace cu {

// Libraries want their workspace aligned to this; scratch of the kernel table is aligned to 64
// bytes.
constexpr size_t kWorkspaceAlignment = 256;
constexpr size_t scratch_for(size_t workspace_bytes) {
  return workspace_bytes == 0 ? 0 : workspace_bytes + kWorkspaceAlignment - 64;
}
inline void* workspace_in(void* scratch) noexcept {
  const auto address = reinterpret_cast<uintptr_t>(scratch);
  return reinterpret_cast<void*>((address + kWorkspaceAlignment - 1) / kWorkspaceAlignment *
                                 kWorkspaceAlignment);
}

// Runs `body`, turning exceptions into Status::failed: nothing may cross the C boundary.
template <class Body>
Status guarded(Body&& body) noexcept try {
  return body();
} catch (const std::exception& e) {
  keep_error("making a plan", e.what());
  return Status::failed;
}

// Entries of the kernel table (kernel_table.h).
Status make_conv2d(const Conv2dSpec*, ConvPass, Plan** out, PlanInfo*) noexcept;
Status make_matmul(const MatmulSpec*, bool pack_b, Plan** out, PlanInfo*) noexcept;
Status pack(const Plan*, Stream*, const Element* weights, void* packed, int64_t part,
            int64_t parts) noexcept;
Status run(const Plan*, Stream*, void* const* arguments, void* scratch) noexcept;
void destroy(Plan*) noexcept;

}  // namespace cu
}  // namespace trireme
