#pragma once
// PyTorch's values, recorded by tests/record/kernels.py.

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace trireme::test {

inline const std::vector<float>& recorded(const std::string& name) {
  static const auto all = [] {
    std::ifstream file(TRIREME_SOURCE_DIR "/tests/kernels/recorded/torch.json");
    return nlohmann::json::parse(file).get<std::map<std::string, std::vector<float>>>();
  }();
  const auto it = all.find(name);
  if (it == all.end()) throw std::out_of_range("nothing was recorded as " + name);
  return it->second;
}

}  // namespace trireme::test
