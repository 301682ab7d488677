#include "kernels/cuda/context.h"

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <new>
#include <string>

#include "kernels/cuda/describe.h"
#include "kernels/cuda/last_error.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/plan.h"

namespace trireme::cu {
namespace {

// The process's one open device. Set by open(), cleared by close(); read by kernel table entries.
std::atomic<DeviceContext*> current{nullptr};

Status refuse(CudaOpened* out, const char* reason) noexcept {
  (void)std::snprintf(out->reason, sizeof out->reason, "%s", reason);
  return Status::failed;
}

bool make_libraries(DeviceContext& context) noexcept {
  const cublasStatus_t blas = cublasLtCreate(context.cublas.put());
  if (blas != CUBLAS_STATUS_SUCCESS) {
    keep_error("cublasLtCreate", cublasLtGetStatusString(blas));
    return false;
  }
  const cudnnStatus_t dnn = cudnnCreate(context.cudnn.put());
  if (dnn != CUDNN_STATUS_SUCCESS) keep_error("cudnnCreate", cudnnGetErrorString(dnn));
  return dnn == CUDNN_STATUS_SUCCESS;
}

// make_matmul refuses the specs that these are for.
Status run_leaves(const Plan*, Stream*, int64_t, const LeafProduct*, float*, int64_t, int64_t,
                  void*) noexcept {
  return Status::unsupported;
}
Status run_blocks(const Plan*, Stream*, int64_t, const RowBlock*, const void*,
                  const float*) noexcept {
  return Status::unsupported;
}

void fill_table(DeviceContext& context, const CudaDeviceInfo& info) noexcept {
  (void)std::snprintf(context.level, sizeof context.level, "sm_%d%d", info.major, info.minor);
  context.kernels.build_id = TRIREME_BUILD_ID;
  context.kernels.level = context.level;
  fill_own_kernels(element_of(context.precision), context.kernels);
  context.kernels.make_conv2d = make_conv2d;
  context.kernels.make_matmul = make_matmul;
  context.kernels.pack = pack;
  context.kernels.run = run;
  context.kernels.run_leaves = run_leaves;
  context.kernels.run_blocks = run_blocks;
  context.kernels.destroy = destroy;
}

bool is_complete(const KernelTable& table) noexcept {
  const auto* words = reinterpret_cast<void* const*>(&table);
  for (size_t i = kFirstEntry; i < sizeof table / sizeof(void*); ++i)
    if (!words[i]) return false;
  return true;
}

// What the fastest engine depends on beside the convolution.
std::unique_ptr<EngineChoices> make_choices(const CudaOpenOptions& o, const CudaDeviceInfo& info) {
  std::string place = info.name;
  for (const int64_t n : {static_cast<int64_t>(cudnnGetVersion()),
                          static_cast<int64_t>(o.precision), static_cast<int64_t>(o.reproducible)})
    place += ' ' + std::to_string(n);
  return std::make_unique<EngineChoices>(o.choices ? o.choices : "", place);
}

}  // namespace

DeviceContext* opened() noexcept { return current.load(std::memory_order_acquire); }

Status open(const CudaOpenOptions* options, CudaOpened* out) noexcept {
  *out = {};
  if (opened()) return refuse(out, "this process already uses a device");
  CudaDeviceInfo info{};
  (void)probe(options->ordinal, &info);
  if (!info.usable) return refuse(out, info.reason);
  std::unique_ptr<DeviceContext> context(new (std::nothrow) DeviceContext{});
  if (!context) return refuse(out, "no host memory");
  context->ordinal = options->ordinal;
  context->reproducible = options->reproducible != 0;
  context->precision = options->precision;
  if (options->tune && guarded([&] {
                         context->choices = make_choices(*options, info);
                         return Status::ok;
                       }) != Status::ok)
    return refuse(out, last_error());
  if (!make_libraries(*context)) return refuse(out, last_error());
  fill_table(*context, info);
  if (!is_complete(context->kernels)) return refuse(out, "this plugin lacks some of the kernels");
  *out = {&context->kernels, &device_functions(), &collective_functions(), context.get(), ""};
  current.store(context.release(), std::memory_order_release);
  return Status::ok;
}

void close(DeviceContext* context) noexcept {
  if (!context) return;
  current.store(nullptr, std::memory_order_release);
  (void)cudaSetDevice(context->ordinal);  // the libraries free what they have there
  delete context;
}

}  // namespace trireme::cu
