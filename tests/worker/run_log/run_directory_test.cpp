#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/fixture.h"
#include "worker/run_log.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

using RunDirectoryTest = FolderTest;

TEST_F(RunDirectoryTest, IsNamedAfterTheRunAndTheTime) {
  const Path dir = create_run_directory((folder / "deep" / "runs").string(), "lenet");
  EXPECT_TRUE(std::filesystem::is_directory(dir));
  EXPECT_THAT(dir.filename().string(), MatchesRegex("lenet-[0-9]+-[0-9]+"));
  EXPECT_EQ(dir.filename().string().size(), std::string("lenet-20261122-101530").size());
}

TEST_F(RunDirectoryTest, NeverCollidesEvenInOneSecond) {
  constexpr size_t kThreads = 4, kEach = 5;
  std::vector<std::vector<Path>> made(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i)
        made[t].push_back(create_run_directory(folder.string(), "same"));
    });
  for (std::thread& thread : threads) thread.join();
  std::set<Path> distinct;
  for (const auto& paths : made) distinct.insert(paths.begin(), paths.end());
  EXPECT_EQ(distinct.size(), kThreads * kEach);
}

TEST_F(RunDirectoryTest, ErrorsNameTheFolder) {
  write_atomic(folder / "file", "not a folder");
  const std::string message = message_of<DataError>(
      [&] { (void)create_run_directory((folder / "file").string(), "lenet"); });
  EXPECT_THAT(message, HasSubstr((folder / "file").string()));
}

class LatestRunTest : public FolderTest {
 protected:
  Path run(const std::string& name, bool with_checkpoint) {
    std::filesystem::create_directories(folder / name / "checkpoints");
    if (with_checkpoint) save(folder / name / "checkpoints", 5);
    return folder / name;
  }
  Path latest() const { return find_latest_run(folder.string(), "lenet"); }
};

TEST_F(LatestRunTest, IsTheNewestThatHasACheckpoint) {
  run("lenet-20261122-101530", true);
  const Path second = run("lenet-20261122-101531", true);
  run("lenet-20261122-101532", false);
  EXPECT_EQ(latest(), second);
}

TEST_F(LatestRunTest, ComparesTheNumbersOfOneSecondAsNumbers) {
  run("lenet-20261122-101530", true);
  run("lenet-20261122-101530-9", true);
  const Path newest = run("lenet-20261122-101530-10", true);
  EXPECT_EQ(latest(), newest);
}

TEST_F(LatestRunTest, IgnoresRunsOfOtherNames) {
  run("lenet-5-20261122-101530", true);
  run("lenet-large-20261122-101530", true);
  run("lenet-notes", true);
  EXPECT_EQ(latest(), Path());
}

TEST_F(LatestRunTest, PassesOverARunWhoseCheckpointsAreAllDamaged) {
  const Path older = run("lenet-20261122-101530", true);
  const Path newer = run("lenet-20261122-101531", true);
  for (const Path& checkpoint : list_checkpoints(newer / "checkpoints"))
    write_atomic(checkpoint / "manifest.json", "{");
  testing::internal::CaptureStderr();
  EXPECT_EQ(latest(), older);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("is passed over"));
}

TEST_F(LatestRunTest, IsEmptyWhenThereIsNone) {
  EXPECT_EQ(latest(), Path());
  EXPECT_EQ(find_latest_run((folder / "missing").string(), "lenet"), Path());
}

class EnvironmentTest : public FolderTest {
 protected:
  nlohmann::json write() {
    write_environment(folder, {"trireme", "train", "a b.ini"}, {"node1", "node2", "node1"},
                      {{"compiler", "g++ 12"}});
    return nlohmann::json::parse(read_text(folder / "environment.json"));
  }
};

TEST_F(EnvironmentTest, RecordsBuildHostsAndCommandLine) {
  const auto json = write();
  EXPECT_EQ(json["command_line"][2], "a b.ini");
  EXPECT_EQ(json["build"]["compiler"], "g++ 12");
  EXPECT_EQ(json["ranks"], 3);
  EXPECT_EQ(json["hosts"], (std::vector<std::string>{"node1", "node2"}));
  EXPECT_FALSE(json["system"]["release"].get<std::string>().empty());
  EXPECT_TRUE(json["cpu"].contains("model"));
}

TEST_F(EnvironmentTest, MasksVariablesWhoseNamesSpeakOfSecrets) {
  ::setenv("TRIREME_TEST_api_key", "hunter2", 1);
  ::setenv("TRIREME_TEST_PASSWORD", "hunter2", 1);
  ::setenv("TRIREME_TEST_PLAIN", "visible", 1);
  const auto json = write();
  for (const char* name : {"TRIREME_TEST_api_key", "TRIREME_TEST_PASSWORD", "TRIREME_TEST_PLAIN"})
    ::unsetenv(name);
  EXPECT_EQ(json["variables"]["TRIREME_TEST_api_key"], "(masked)");
  EXPECT_EQ(json["variables"]["TRIREME_TEST_PASSWORD"], "(masked)");
  EXPECT_EQ(json["variables"]["TRIREME_TEST_PLAIN"], "visible");
  EXPECT_EQ(read_text(folder / "environment.json").find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace trireme
