#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

namespace trireme {
namespace {

using testing::MatchesRegex;

std::string stderr_of_all_levels(const LogOptions& options) {
  init_log(options);
  testing::internal::CaptureStderr();
  log_debug("d {}", 1);
  log_info("i {}", 2);
  log_warning("w {}", 3);
  log_error("e {}", 4);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, RankZeroTellsInformationWithTheTime) {
  EXPECT_THAT(
      stderr_of_all_levels({}),
      MatchesRegex("[0-9][0-9]:[0-9][0-9]:[0-9][0-9] i 2\nwarning: w 3\ntrireme: error: e 4\n"));
}

TEST(Log, OtherRanksTellWarningsAndErrorsWithTheirNumber) {
  LogOptions options;
  options.rank = 2;
  options.world = 4;
  EXPECT_EQ(stderr_of_all_levels(options), "[rank 2] warning: w 3\n[rank 2] trireme: error: e 4\n");
}

TEST(Log, QuietHidesInformationOnly) {
  LogOptions options;
  options.quiet = true;
  EXPECT_EQ(stderr_of_all_levels(options), "warning: w 3\ntrireme: error: e 4\n");
}

TEST(Log, TheFileGetsEveryLevel) {
  LogOptions options;
  options.file = testing::TempDir() + "trireme_log_test";
  std::filesystem::remove(options.file);
  stderr_of_all_levels(options);
  flush_log();
  EXPECT_THAT(read_text(options.file),
              MatchesRegex(".*Z debug: d 1\n.*Z info: i 2\n.*Z warning: w 3\n.*Z error: e 4\n"));
  std::filesystem::remove(options.file);
  init_log({});
}

TEST(Log, NamesTheFileThatCannotBeOpened) {
  LogOptions options;
  options.file = "/nonexistent/log";
  try {
    init_log(options);
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(),
                 "cannot open the log file /nonexistent/log: No such file or directory");
    EXPECT_EQ(error.hint(), "check run.dir");
  }
}

TEST(Clock, UtcNowIsInIsoFormat) {
  EXPECT_THAT(utc_now(), MatchesRegex("20[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+Z"));
}

TEST(Clock, ADeadlineLiesAhead) { EXPECT_GT(deadline_in(60), Clock::now()); }

}  // namespace
}  // namespace trireme
