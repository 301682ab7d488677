#include "base/folder_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <future>
#include <memory>

#include "base/error.h"

namespace trireme {
namespace {

class FolderLockTest : public testing::Test {
 protected:
  FolderLockTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "trireme-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) ADD_FAILURE() << "cannot make a folder like " << pattern;
    folder_ = pattern;
  }
  ~FolderLockTest() override { std::filesystem::remove_all(folder_); }
  Path folder_;
};

TEST_F(FolderLockTest, HasOneHolderAtATimeAndLeavesNoFile) {
  {
    const FolderLock held(folder_, 0);
    try {
      const FolderLock second(folder_, 0);
      FAIL() << "two hold it";
    } catch (const DataError& e) {
      EXPECT_EQ(e.what(), folder_.string() + " is being written by another process");
    }
  }
  const FolderLock again(folder_, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(FolderLockTest, WaitsForAHolderThatIsAboutToEnd) {
  auto held = std::make_unique<FolderLock>(folder_, 0);
  const auto second = std::async(std::launch::async, [&] { const FolderLock lock(folder_, 60); });
  held.reset();
  second.wait();
}

TEST_F(FolderLockTest, OfAFolderThatIsNotThereIsAnError) {
  EXPECT_THROW(FolderLock(folder_ / "none", 0), DataError);
}

}  // namespace
}  // namespace trireme
