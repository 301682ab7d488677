#pragma once
// PyTorch's values, recorded by tests/record/kernels.py.

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace trireme::test {

inline const std::vector<float>& recorded(const std::string& name) {
  static const auto all = [] {
    // Where the program runs in a copy of the tree it was built in, that is the working directory.
    const std::string name = "tests/kernels/recorded/torch.json";
    std::ifstream file(TRIREME_SOURCE_DIR "/" + name);
    if (!file) file.open(name);
    return nlohmann::json::parse(file).get<std::map<std::string, std::vector<float>>>();
  }();
  const auto it = all.find(name);
  if (it == all.end()) throw std::out_of_range("nothing was recorded as " + name);
  return it->second;
}

}  // namespace trireme::test
