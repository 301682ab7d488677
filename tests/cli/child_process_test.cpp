#include "worker/verify/child_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "checkpoint/fixture.h"
#include "comm/process.h"

namespace trireme {
namespace {

class ChildProcess : public FolderTest {
 protected:
  ChildCommand shell(const std::string& script, double timeout = 30) const {
    return {{"sh", "-c", script}, folder / "log", timeout};
  }
  std::string log() const { return read_text(folder / "log"); }
  // Whether the process whose id is on the log's first line is gone.
  bool logged_process_is_gone() const { return !process_start(*parse_int(split(log(), '\n')[0])); }
  const std::atomic<int> never{0};
};

TEST_F(ChildProcess, GivesExitCodeAndBothOutputs) {
  const ChildEnd end = run_child(shell("echo out; echo err >&2; exit 7"), never);
  EXPECT_EQ(end.exit_code, 7);
  EXPECT_FALSE(end.timed_out);
  EXPECT_EQ(log(), "out\nerr\n");
}

TEST_F(ChildProcess, HasNothingOnItsInput) {
  EXPECT_EQ(run_child(shell("read word || echo end"), never).exit_code, 0);
  EXPECT_EQ(log(), "end\n");
}

TEST_F(ChildProcess, NamesTheSignalThatEndedIt) {
  EXPECT_EQ(run_child(shell("kill -KILL $$"), never).exit_code, 128 + SIGKILL);
}

TEST_F(ChildProcess, EndsACommandThatTakesTooLong) {
  const ChildEnd end = run_child(shell("echo $$; exec sleep 600", 0.2), never);
  EXPECT_TRUE(end.timed_out);
  EXPECT_EQ(end.exit_code, 128 + SIGTERM);
  EXPECT_TRUE(logged_process_is_gone());
}

TEST_F(ChildProcess, KillsWhatTheCommandLeavesBehindInAnotherGroup) {
  EXPECT_EQ(run_child(shell("setsid sh -c 'echo $$; exec sleep 600' & sleep 0.3"), never).exit_code,
            0);
  EXPECT_TRUE(logged_process_is_gone());
}

TEST_F(ChildProcess, EndsWithEverythingBelowWhenInterrupted) {
  std::atomic<int> interrupt{0};
  std::thread user([&] {
    while (!std::filesystem::exists(folder / "log") || log().find('\n') == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    interrupt = SIGINT;
  });
  int signal = 0;
  try {
    run_child(shell("setsid sh -c 'echo $$; exec sleep 600' & wait"), interrupt);
  } catch (const Interrupted& e) {
    signal = e.signal;
  }
  user.join();
  EXPECT_EQ(signal, SIGINT);
  EXPECT_TRUE(logged_process_is_gone());
}

TEST_F(ChildProcess, LeavesOtherChildrenOfThisProcessAlone) {
  const pid_t mine = fork();
  if (mine == 0) {
    pause();
    _exit(0);
  }
  run_child(shell("exit 0"), never);
  EXPECT_EQ(kill(mine, SIGKILL), 0);
  int status = 0;
  EXPECT_EQ(waitpid(mine, &status, 0), mine);
  EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_F(ChildProcess, SaysWhichProgramCannotBeStarted) {
  const auto call = [&] { run_child({{"no-such-program"}, folder / "log", 1}, never); };
  EXPECT_EQ(message_of<ConfigError>(call),
            "cannot start no-such-program: No such file or directory");
}

TEST_F(ChildProcess, SaysWhichLogCannotBeWritten) {
  const Path log = folder / "none" / "log";
  EXPECT_EQ(message_of<DataError>([&] {
              run_child({{"true"}, log, 1}, never);
            }),
            "cannot write " + log.string() + ": No such file or directory");
}

TEST_F(ChildProcess, ShowsTheLastLinesOfALog) {
  write_atomic(folder / "log", "1\n2\n3\n\n");
  EXPECT_EQ(last_lines(folder / "log", 2, "> "), "> 2\n> 3\n");
  EXPECT_EQ(last_lines(folder / "log", 9, ""), "1\n2\n3\n");
  write_atomic(folder / "log", "\n");
  EXPECT_EQ(last_lines(folder / "log", 2, "> "), "> (it printed nothing)\n");
}

}  // namespace
}  // namespace trireme
