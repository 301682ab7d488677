// Which engine a convolution was given, kept between processes.

#include "kernels/cuda/engine_choices.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace trireme::cu {
namespace {

class EngineChoicesTest : public testing::Test {
 protected:
  EngineChoicesTest() { std::filesystem::remove(file); }
  ~EngineChoicesTest() override { std::filesystem::remove(file); }

  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(file).rdbuf();
    return all.str();
  }

  const std::string file = testing::TempDir() + "engines." +
                           std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                           testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(EngineChoicesTest, AreFoundAgainByALaterProcess) {
  EngineChoices(file, "H200 91900").add("0 8 8", "eng1_k2=3");
  EXPECT_EQ(EngineChoices(file, "H200 91900").find("0 8 8"), "eng1_k2=3");
  EXPECT_EQ(EngineChoices(file, "H200 91900").find("0 8 9"), "");
}

TEST_F(EngineChoicesTest, OfOtherDevicesAndVersionsAreOthers) {
  EngineChoices(file, "H200 91900").add("0 8 8", "eng1");
  EXPECT_EQ(EngineChoices(file, "H200 92000").find("0 8 8"), "");
  EngineChoices(file, "H200 92000").add("0 8 8", "eng2");
  EXPECT_EQ(EngineChoices(file, "H200 91900").find("0 8 8"), "eng1");
  EXPECT_EQ(EngineChoices(file, "H200 92000").find("0 8 8"), "eng2");
}

TEST_F(EngineChoicesTest, StayWhatTheyWereFirst) {
  EngineChoices one(file, "H200"), other(file, "H200");  // two ranks that time side by side
  one.add("0 8 8", "eng1");
  other.add("0 8 8", "eng2");
  one.add("0 8 8", "eng3");
  EXPECT_EQ(one.find("0 8 8"), "eng1");
  EXPECT_EQ(EngineChoices(file, "H200").find("0 8 8"), "eng1");
  EXPECT_EQ(text(), "H200\t0 8 8\teng1\nH200\t0 8 8\teng2\n");
}

TEST_F(EngineChoicesTest, PassOverLinesThatAreNoChoice) {
  std::ofstream(file) << "\nH200\nH200\t0 8 8\n\t\t\nH200\t1 1\teng7\nH200\t0 8";
  const EngineChoices choices(file, "H200");
  EXPECT_EQ(choices.find("1 1"), "eng7");
  EXPECT_EQ(choices.find("0 8 8"), "");
}

TEST_F(EngineChoicesTest, StayInMemoryWhereTheFileCannotBe) {
  EngineChoices nowhere("", "H200"), unwritable("/proc/no/such/folder", "H200");
  nowhere.add("0 8 8", "eng1");
  unwritable.add("0 8 8", "eng1");
  EXPECT_EQ(nowhere.find("0 8 8"), "eng1");
  EXPECT_EQ(unwritable.find("0 8 8"), "eng1");
}

}  // namespace
}  // namespace trireme::cu
