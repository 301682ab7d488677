#pragma once
#include <sstream>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace trireme::test {

// The CPU's instruction levels, lowest first.
inline std::vector<std::string> levels() {
  std::istringstream names(cpu_levels());
  std::vector<std::string> all;
  for (std::string name; names >> name;) all.push_back(name);
  return all;
}

}  // namespace trireme::test
