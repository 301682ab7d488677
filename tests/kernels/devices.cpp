// The devices of kernels_tests.
#include "cuda_shim/table.h"
#include "kernels/levels.h"
#include "kernels/support.h"

namespace trireme::test {

std::vector<std::string> devices() {
  std::vector<std::string> all = levels();
  for (const char* order : {"ascending", "descending", "shuffled"})
    all.push_back(std::string("cuda_shim_") + order);
  return all;
}

std::vector<std::string> devices_with_plans() { return {levels().back()}; }

const KernelTable& kernels_of(const std::string& device) {
  return device.starts_with("cuda_shim") ? cuda_shim::kernels() : cpu_kernels(device.c_str());
}

}  // namespace trireme::test
