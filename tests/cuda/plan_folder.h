#pragma once
// A test with a folder of its own for kept plans, and what stores say of it.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace trireme::cu {

class PlanFolder : public testing::Test {
 protected:
  PlanFolder() {
    said.clear();
    std::filesystem::remove_all(folder);
  }
  ~PlanFolder() override { std::filesystem::remove_all(folder); }
  static void warn(const char* line) noexcept { said.emplace_back(line); }

  inline static std::vector<std::string> said;  // a store takes a C function
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) /
                                       ("plans." + std::to_string(::getpid())) / "of this test";
};

}  // namespace trireme::cu
