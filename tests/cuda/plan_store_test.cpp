#include "kernels/cuda/plan_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cuda/plan_folder.h"

namespace trireme::cu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

class PlanStoreTest : public PlanFolder {
 protected:
  std::string text(const std::string& key) const {
    std::ifstream in(store.file_of(key), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& key, const std::string& text) const {
    std::ofstream(store.file_of(key), std::ios::binary) << text;
  }
  int files() const {
    return static_cast<int>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

  PlanStore store{folder, warn};
  const std::string plan = "a plan\nof two lines" + std::string(1, '\0') + std::string(3000, 'x');
};

TEST_F(PlanStoreTest, KeepsForALaterProcess) {
  EXPECT_EQ(store.find("H200; conv 8"), std::nullopt);
  store.keep("H200; conv 8", plan);
  store.keep("H200; conv 9", "");
  EXPECT_EQ(PlanStore(folder, warn).find("H200; conv 8"), plan);
  EXPECT_EQ(PlanStore(folder, warn).find("H200; conv 9"), "");
  EXPECT_EQ(PlanStore(folder, warn).find("H100; conv 8"), std::nullopt);
  EXPECT_EQ(files(), 2) << "nothing temporary stays";
  EXPECT_THAT(said, IsEmpty());
}

TEST_F(PlanStoreTest, TheLastThatWasKeptCounts) {
  store.keep("conv", plan);
  store.keep("conv", "another");
  EXPECT_EQ(store.find("conv"), "another");
}

TEST_F(PlanStoreTest, TrustsNoFileThatIsCutOffAnywhere) {
  store.keep("conv", "eng1 and more");
  const std::string whole = text("conv");
  for (size_t n = 0; n < whole.size(); ++n) {
    put("conv", whole.substr(0, n));
    EXPECT_EQ(store.find("conv"), std::nullopt) << n << " bytes";
  }
  put("conv", whole);
  EXPECT_EQ(store.find("conv"), "eng1 and more");
}

TEST_F(PlanStoreTest, TrustsNoFileOfWhichAByteChanged) {
  store.keep("conv", "eng1 and more");
  const std::string whole = text("conv");
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] ^= 4;
    put("conv", changed);
    EXPECT_EQ(store.find("conv"), std::nullopt) << "byte " << i;
  }
  put("conv", whole + 'x');
  EXPECT_EQ(store.find("conv"), std::nullopt) << "one byte more";
}

TEST_F(PlanStoreTest, TrustsNoFileOfAnotherKey) {
  store.keep("conv of a friend", plan);
  fs::rename(store.file_of("conv of a friend"), store.file_of("conv"));
  EXPECT_EQ(store.find("conv"), std::nullopt);
  put("conv", "not ours at all\n");
  EXPECT_EQ(store.find("conv"), std::nullopt);
}

TEST_F(PlanStoreTest, SaysOnceWhatIsDamagedAndReplacesIt) {
  for (const char* key : {"one", "two"}) {
    store.keep(key, plan);
    put(key, "?");
    EXPECT_EQ(store.find(key), std::nullopt);
  }
  EXPECT_THAT(
      said, ElementsAre(AllOf(HasSubstr(store.file_of("one").string()), HasSubstr("is damaged"))));
  store.keep("one", plan);
  EXPECT_EQ(store.find("one"), plan);
}

TEST_F(PlanStoreTest, AFolderThatCannotBeIsSaidOnceAndHurtsNobody) {
  fs::create_directories(folder.parent_path());
  std::ofstream(folder) << "a file where the folder should be";
  store.keep("one", plan);
  store.keep("two", plan);
  EXPECT_EQ(store.find("one"), std::nullopt);
  EXPECT_THAT(said, ElementsAre(AllOf(HasSubstr("plans are not kept in " + folder.string()),
                                      HasSubstr("the next start makes them anew"))));
}

TEST_F(PlanStoreTest, AFolderThatIsOnlyReadIsSaidAndHurtsNobody) {
  PlanStore nowhere("/proc/no/such/folder", warn);
  nowhere.keep("one", plan);
  EXPECT_EQ(nowhere.find("one"), std::nullopt);
  EXPECT_THAT(said, ElementsAre(HasSubstr("plans are not kept in /proc/no/such/folder")));
}

// In a process of its own that may write no more than this to a file.
TEST_F(PlanStoreTest, ADiskThatIsFullIsSaidAndLeavesAllAsItWas) {
  store.keep("one", "short");
  const pid_t child = ::fork();
  if (child == 0) {
    (void)::signal(SIGXFSZ, SIG_IGN);
    const rlimit room{1000, 1000};
    (void)::setrlimit(RLIMIT_FSIZE, &room);
    store.keep("one", plan);
    store.keep("two", plan);
    const bool as_it_was = store.find("one") == "short" && !store.find("two") && files() == 1;
    ::_exit(as_it_was && said.size() == 1 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(PlanStoreTest, WithoutAFolderKeepsNothingAndSaysNothing) {
  PlanStore nowhere("", warn);
  nowhere.keep("one", plan);
  EXPECT_EQ(nowhere.find("one"), std::nullopt);
  EXPECT_THAT(said, IsEmpty());
}

// Two processes that start at once and one that reads meanwhile.
TEST_F(PlanStoreTest, WritersBesideEachOtherLeaveWholePlans) {
  const std::string of[] = {std::string(20000, 'a'), std::string(10000, 'b')};
  store.keep("conv", of[0]);
  std::vector<pid_t> writers;
  for (const std::string& value : of) {
    writers.push_back(::fork());
    if (writers.back() != 0) continue;
    for (int i = 0; i < 100; ++i) store.keep("conv", value);
    ::_exit(static_cast<int>(said.size()));
  }
  for (int i = 0; i < 100; ++i) {
    const auto seen = store.find("conv");
    ASSERT_TRUE(seen == of[0] || seen == of[1]) << "read " << i;
  }
  for (const pid_t writer : writers) {
    int status = -1;
    ::waitpid(writer, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(files(), 1);
  EXPECT_THAT(said, IsEmpty());
}

}  // namespace
}  // namespace trireme::cu
