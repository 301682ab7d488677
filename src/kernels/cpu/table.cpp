#include <omp.h>

#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/cpu/levels.h"
#include "kernels/cpu/plan.h"
#include "kernels/kernel_table.h"

namespace trireme {
namespace cpu {

Status pack(const Plan* plan, Stream*, const float* weights, void* packed, int64_t part,
            int64_t parts) noexcept {
  return plan->pack(weights, packed, part, parts);
}

Status run(const Plan* plan, Stream*, void* const* arguments, void* scratch) noexcept {
  return plan->run(arguments, scratch);
}

Status run_leaves(const Plan* plan, Stream*, int64_t leaves, const LeafProduct* products, float* c,
                  int64_t part, int64_t parts, void* scratch) noexcept {
  return plan->run_leaves(leaves, products, c, part, parts, scratch);
}

Status run_blocks(const Plan* plan, Stream*, int64_t blocks, const RowBlock* of, const void* b,
                  const float* bias) noexcept {
  return plan->run_blocks(blocks, of, b, bias);
}

void destroy(Plan* plan) noexcept { delete plan; }

namespace {

// oneDNN takes one maximum per process, before its first primitive: the level of the first table
// that makes a plan. The ranks of a job agree on one level, so there it is the level of the job.
void limit_onednn(dnnl::cpu_isa isa) {
  static std::once_flag once;
  std::call_once(once, [isa] { dnnl_set_max_cpu_isa(static_cast<dnnl_cpu_isa_t>(isa)); });
}

template <size_t kLevel>
KernelTable make_table() {
  const Level& level = all_levels()[kLevel];
  KernelTable table{};
  table.build_id = TRIREME_BUILD_ID;
  table.level = level.name;
  table.element = ElementType::f32;
  level.fill_table(table);
  table.make_conv2d = [](const Conv2dSpec* spec, ConvPass pass, Plan** out,
                         PlanInfo* info) noexcept {
    limit_onednn(all_levels()[kLevel].isa);
    return make_conv2d(all_levels()[kLevel].own_plans(), spec, pass, out, info);
  };
  table.make_matmul = [](const MatmulSpec* spec, bool pack_b, Plan** out, PlanInfo* info) noexcept {
    limit_onednn(all_levels()[kLevel].isa);
    return make_matmul(all_levels()[kLevel].own_plans(), spec, pack_b, out, info);
  };
  table.pack = pack;
  table.run = run;
  table.run_leaves = run_leaves;
  table.run_blocks = run_blocks;
  table.destroy = destroy;
  return table;
}

// The tables of this machine's levels, lowest first.
const std::vector<KernelTable>& tables() {
  static const std::vector<KernelTable> all = [] {
    std::vector<KernelTable> list;
    list.push_back(make_table<0>());
    const auto levels = all_levels();
    if (levels.size() > 1 && levels[1].available()) list.push_back(make_table<1>());
    if (levels.size() > 2 && levels[2].available()) list.push_back(make_table<2>());
    return list;
  }();
  return all;
}

}  // namespace
}  // namespace cpu

const KernelTable& cpu_kernels(const char* limit) {
  const std::string wanted = limit ? limit : "";
  const auto& tables = cpu::tables();
  const auto levels = cpu::all_levels();
  if (wanted.empty()) return tables.back();
  for (size_t i = 0; i < levels.size(); ++i) {
    if (wanted == levels[i].name) return tables[i < tables.size() ? i : tables.size() - 1];
  }
  throw DeviceError("the instruction level \"" + wanted + "\" is not known to this program",
                    std::string("this machine has: ") + cpu_levels());
}

const char* cpu_levels() {
  static const std::string names = [] {
    std::string text;
    for (const KernelTable& table : cpu::tables()) {
      if (!text.empty()) text += ' ';
      text += table.level;
    }
    return text;
  }();
  return names.c_str();
}

void prepare_kernel_thread() {
  cpu::flush_denormals();
  omp_set_num_threads(1);
}

}  // namespace trireme
