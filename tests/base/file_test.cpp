#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace trireme {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = Path(testing::TempDir()) / ("trireme_file_test_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  size_t entries() const {
    const std::filesystem::directory_iterator begin(folder_), end;
    return static_cast<size_t>(std::distance(begin, end));
  }

  Path folder_;
};

template <class Call>
std::string message(const Call& call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(FileTest, ReadsBackWhatWasWritten) {
  const std::string text("a\0b\n", 4);
  write_atomic(folder_ / "x", text);
  EXPECT_EQ(read_text(folder_ / "x"), text);
  EXPECT_EQ(read_bytes(folder_ / "x").size(), 4u);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, ReplacesAFileAsAWhole) {
  write_atomic(folder_ / "x", std::string_view("old and longer"));
  write_atomic(folder_ / "x", std::string_view("new"));
  EXPECT_EQ(read_text(folder_ / "x"), "new");
}

TEST_F(FileTest, ShowsNothingBeforeCommit) {
  AtomicFile file(folder_ / "x");
  file.write(std::string_view("half"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
  file.commit();
  EXPECT_EQ(read_text(folder_ / "x"), "half");
}

TEST_F(FileTest, RemovesTheTemporaryOfAnUncommittedFile) {
  { AtomicFile(folder_ / "x").write(std::string_view("lost")); }
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FileTest, TwoWritersOfOnePathDoNotShareATemporary) {
  AtomicFile first(folder_ / "x"), second(folder_ / "x");
  first.write(std::string_view("first"));
  second.write(std::string_view("second"));
  first.commit();
  second.commit();
  EXPECT_EQ(read_text(folder_ / "x"), "second");
}

TEST_F(FileTest, LeavesTheTargetAloneWhenTheRenameFails) {
  std::filesystem::create_directories(folder_ / "x" / "child");
  EXPECT_EQ(message([&] { write_atomic(folder_ / "x", std::string_view("text")); }),
            "cannot rename a temporary to " + (folder_ / "x").string() + ": Is a directory");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, NamesOperationPathAndReason) {
  const std::string path = (folder_ / "none" / "x").string();
  EXPECT_EQ(message([&] { read_text(path); }),
            "cannot open " + path + ": No such file or directory");
  EXPECT_EQ(message([&] { read_bytes(folder_); }),
            "cannot read " + folder_.string() + ": Is a directory");
  EXPECT_THAT(message([&] { write_atomic(path, std::string_view("")); }),
              testing::MatchesRegex("cannot create .*/none/x.tmp-.*: No such file or directory"));
  EXPECT_EQ(message([&] { sync_folder(path); }),
            "cannot open " + path + ": No such file or directory");
}

TEST_F(FileTest, MapsAWholeFile) {
  write_atomic(folder_ / "x", std::string_view("abc"));
  MappedFile map(folder_ / "x");
  const MappedFile moved = std::move(map);
  ASSERT_EQ(moved.bytes().size(), 3u);
  EXPECT_EQ(static_cast<char>(moved.bytes()[2]), 'c');
}

TEST_F(FileTest, MapsAnEmptyFileToNothing) {
  write_atomic(folder_ / "x", std::string_view());
  EXPECT_TRUE(MappedFile(folder_ / "x").bytes().empty());
}

TEST_F(FileTest, RefusesToMapAFolder) {
  EXPECT_EQ(message([&] { MappedFile{folder_}; }),
            "cannot map " + folder_.string() + ": Is a directory");
}

}  // namespace
}  // namespace trireme
