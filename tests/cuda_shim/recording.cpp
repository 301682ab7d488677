#include "cuda_shim/recording.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "cuda_shim/table.h"

namespace trireme {

struct StepGraph {
  std::vector<std::function<bool()>> work;
};

namespace cuda_shim {
namespace {

thread_local std::unique_ptr<StepGraph> current;  // that the thread records

DeviceStatus copy(DeviceContext*, void* to, const void* from, size_t bytes, Stream*) noexcept {
  const auto work = [=] {
    return host_functions().copy(nullptr, to, from, bytes, nullptr) == DeviceStatus::ok;
  };
  if (!recording()) return work() ? DeviceStatus::ok : DeviceStatus::failed;
  record(work);
  return DeviceStatus::ok;
}

DeviceStatus set_bytes(DeviceContext*, void* to, uint8_t value, size_t bytes, Stream*) noexcept {
  const auto work = [=] {
    return host_functions().set_bytes(nullptr, to, value, bytes, nullptr) == DeviceStatus::ok;
  };
  if (!recording()) return work() ? DeviceStatus::ok : DeviceStatus::failed;
  record(work);
  return DeviceStatus::ok;
}

DeviceStatus begin_capture(DeviceContext*, Stream*) noexcept {
  current = std::make_unique<StepGraph>();
  return DeviceStatus::ok;
}

DeviceStatus end_capture(DeviceContext*, Stream*, StepGraph** out) noexcept {
  *out = current.release();
  return DeviceStatus::ok;
}

DeviceStatus launch_graph(DeviceContext*, StepGraph* graph, Stream*) noexcept {
  return std::ranges::all_of(graph->work, [](const auto& work) { return work(); })
             ? DeviceStatus::ok
             : DeviceStatus::failed;
}

DeviceStatus destroy_graph(DeviceContext*, StepGraph* graph) noexcept {
  const std::unique_ptr<StepGraph> gone(graph);
  return DeviceStatus::ok;
}

Status pack(const Plan* plan, Stream*, const Element* weights, void* packed, int64_t part,
            int64_t parts) noexcept {
  const auto work = [=] { return cpu_kernels().pack(plan, nullptr, weights, packed, part, parts); };
  if (!recording()) return work();
  record([work] { return work() == Status::ok; });
  return Status::ok;
}

Status run(const Plan* plan, Stream*, void* const* arguments, void* scratch) noexcept {
  std::array<void*, 4> kept;  // as many as ops give (model/ops/plan.h)
  std::copy_n(arguments, kept.size(), kept.begin());
  const auto work = [=] { return cpu_kernels().run(plan, nullptr, kept.data(), scratch); };
  if (!recording()) return work();
  record([work] { return work() == Status::ok; });
  return Status::ok;
}

}  // namespace

bool recording() { return current != nullptr; }
void record(std::function<bool()> work) { current->work.push_back(std::move(work)); }

const DeviceFunctions& functions() {
  static const DeviceFunctions table = [] {
    DeviceFunctions f = host_functions();
    f.copy = copy;
    f.set_bytes = set_bytes;
    f.begin_capture = begin_capture;
    f.end_capture = end_capture;
    f.launch_graph = launch_graph;
    f.destroy_graph = destroy_graph;
    f.close = [](DeviceContext*) noexcept {};
    return f;
  }();
  return table;
}

DeviceContext* context() {
  static char device;
  return reinterpret_cast<DeviceContext*>(&device);
}

const KernelTable& kernels_with_cpu_plans() {
  static const KernelTable table = [] {
    KernelTable own = kernels(ElementType::f32);
    const KernelTable& cpu = cpu_kernels();
    own.make_conv2d = cpu.make_conv2d;
    own.make_matmul = cpu.make_matmul;
    own.pack = pack;
    own.run = run;
    own.run_leaves = cpu.run_leaves;  // of programs with several leaves, which devices have not
    own.run_blocks = cpu.run_blocks;
    own.destroy = cpu.destroy;
    return own;
  }();
  return table;
}

}  // namespace cuda_shim
}  // namespace trireme
