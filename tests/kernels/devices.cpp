// The devices of kernels_tests.
#include "cuda_shim/table.h"
#include "kernels/levels.h"
#include "kernels/support.h"

namespace trireme::test {

std::vector<std::string> devices() {
  std::vector<std::string> all = levels();
  for (const char* order : {"ascending", "descending", "shuffled"})
    all.push_back(std::string("cuda_shim_") + order);
  for (const char* element : {"bf16", "fp16"})  // in ascending order
    all.push_back(std::string("cuda_shim_") + element);
  return all;
}

// The highest level, whose instructions the library takes; and x86-64-v3 for the plans that are
// ours, as a process takes one maximum.
std::vector<std::string> devices_with_plans() {
  std::vector<std::string> chosen = {levels().back()};
  if (chosen[0] == "x86-64-v4") chosen.push_back("x86-64-v3");
  return chosen;
}

const KernelTable& kernels_of(const std::string& device) {
  if (!device.starts_with("cuda_shim")) return cpu_kernels(device.c_str());
  return cuda_shim::kernels(device.ends_with("bf16")   ? ElementType::bf16
                            : device.ends_with("fp16") ? ElementType::f16
                                                       : ElementType::f32);
}

}  // namespace trireme::test
