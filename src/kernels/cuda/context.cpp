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

// What a convolution's plan depends on beside the convolution, in one line.
std::string place_of(const CudaOpenOptions& o, const CudaDeviceInfo& info) {
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  std::string place = info.name;
  const auto add = [&](const char* what, auto n) {
    place += std::string(", ") + what + ' ' + std::to_string(n);
  };
  add("capability", 10 * info.major + info.minor);
  add("multiprocessors", info.multiprocessors);
  add("memory", info.memory_total);
  add("driver", driver);
  add("runtime", runtime);
  add("cuDNN", cudnnGetVersion());
  add("frontend", frontend_version());
  add("precision", static_cast<int>(o.precision));
  add("reproducible", o.reproducible);
  add("timed", o.tune);
  return place;
}

void make_plans(DeviceContext& context, const CudaOpenOptions& o, const CudaDeviceInfo& info) {
  context.store = std::make_unique<PlanStore>(o.plans ? o.plans : "", o.warn);
  context.convolutions =
      std::make_unique<ConvPlans>(ConvTarget{.handle = context.cudnn.get(),
                                             .reproducible = context.reproducible,
                                             .precision = context.precision,
                                             .tune = o.tune != 0},
                                  place_of(o, info), *context.store);
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
  if (!make_libraries(*context)) return refuse(out, last_error());
  if (guarded([&] {
        make_plans(*context, *options, info);
        return Status::ok;
      }) != Status::ok)
    return refuse(out, last_error());
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
