#include "worker/verify/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

constexpr std::chrono::milliseconds kPoll{20};

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() { close_now(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void close_now() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int fd;
};

// The child's side, between fork and exec: only async-signal-safe calls. Reports errno when exec
// fails.
[[noreturn]] void become(char* const* words, int log, int failure) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) signal(number, SIG_DFL);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execvp(words[0], words);
  const int reason = errno;
  if (write(failure, &reason, sizeof reason) < 0) _exit(126);
  _exit(127);
}

// Returns the process id. Throws as run_child does.
pid_t start(const ChildCommand& command) {
  Descriptor log(open(command.log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644));
  if (log.fd < 0)
    throw DataError(fmt::format("cannot write {}: {}", command.log.string(), std::strerror(errno)),
                    "set TMPDIR to a folder that you may write to");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw CommError(fmt::format("cannot make a pipe: {}", std::strerror(errno)),
                    "close other programs of yours: a limit of the system is reached");
  Descriptor reader(ends[0]), writer(ends[1]);
  std::vector<char*> words;
  for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) become(words.data(), log.fd, writer.fd);
  if (pid < 0)
    throw CommError(fmt::format("cannot start {}: {}", command.words[0], std::strerror(errno)),
                    "close other programs of yours: a limit of the system is reached");
  writer.close_now();
  int reason = 0;
  if (read(reader.fd, &reason, sizeof reason) == sizeof reason) {
    waitpid(pid, nullptr, 0);
    throw ConfigError(fmt::format("cannot start {}: {}", command.words[0], std::strerror(reason)),
                      "install it, or put its folder on PATH");
  }
  return pid;
}

// The exit code, once the process has ended.
std::optional<int> ended(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return std::nullopt;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    std::istringstream text;
    try {
      text.str(read_text(entry.path() / "children"));
    } catch (const DataError&) {
      continue;  // the thread has just ended, and its children are listed under another
    }
    for (pid_t pid = 0; text >> pid;) found.push_back(pid);
  }
  return found;
}

// Kills what the ended command left behind: as its subreaper, this process is now the parent.
// Children that were there before are `spared`.
void kill_orphans(const std::vector<pid_t>& spared) {
  const Deadline deadline = deadline_in(kGraceSeconds);
  for (;;) {
    auto left = children();
    std::erase_if(left, [&](pid_t pid) {
      return std::find(spared.begin(), spared.end(), pid) != spared.end();
    });
    if (left.empty() || Clock::now() > deadline) return;
    for (const pid_t pid : left) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, WNOHANG);
    }
    std::this_thread::sleep_for(kPoll);
  }
}

// SIGTERM first: mpirun then ends its ranks itself, those on other hosts too.
int end_child(pid_t pid) {
  kill(-pid, SIGTERM);
  for (const Deadline deadline = deadline_in(kGraceSeconds); Clock::now() < deadline;) {
    if (const auto code = ended(pid)) return *code;
    std::this_thread::sleep_for(kPoll);
  }
  kill(-pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  return 128 + SIGKILL;
}

}  // namespace

ChildEnd run_child(const ChildCommand& command, const std::atomic<int>& interrupt) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const std::vector<pid_t> spared = children();
  const auto started = Clock::now();
  const pid_t pid = start(command);
  ChildEnd end;
  for (;;) {
    if (const auto code = ended(pid)) {
      end.exit_code = *code;
      break;
    }
    end.timed_out = seconds_since(started) > command.timeout;
    if (end.timed_out || interrupt.load(std::memory_order_relaxed) != 0) {
      end.exit_code = end_child(pid);
      break;
    }
    std::this_thread::sleep_for(kPoll);
  }
  kill_orphans(spared);
  if (const int number = interrupt.load(std::memory_order_relaxed)) throw Interrupted{number};
  end.seconds = seconds_since(started);
  return end;
}

std::string last_lines(const Path& log, size_t count, const std::string& indent) {
  auto lines = split(read_text(log), '\n');
  while (!lines.empty() && trim(lines.back()).empty()) lines.pop_back();
  if (lines.empty()) return indent + "(it printed nothing)\n";
  std::string text;
  for (size_t i = lines.size() - std::min(count, lines.size()); i < lines.size(); ++i)
    text += indent + lines[i] + "\n";
  return text;
}

}  // namespace trireme
