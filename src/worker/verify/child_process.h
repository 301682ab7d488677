#pragma once
// One command, started, watched and ended. Linux only: whatever the command leaves behind when it
// dies is found and killed.

#include <atomic>
#include <string>
#include <vector>

#include "base/file.h"

namespace trireme {

struct ChildCommand {
  std::vector<std::string> words;  // words[0] is looked up in PATH
  Path log;                        // receives standard output and error, in order
  double timeout = 0;              // seconds
};

struct ChildEnd {
  int exit_code = 0;  // 128 + N when signal N ended it
  bool timed_out = false;
  double seconds = 0;
};

// Runs the command to its end, in a process group of its own. When `interrupt` becomes non-zero, or
// the timeout passes, the command is asked to end (SIGTERM), killed when it has not after
// kGraceSeconds, and so is every process that it started. Throws Interrupted in the first case,
// DataError when the log cannot be written, ConfigError when the command cannot be started. One
// thread at a time: it makes this process the parent of orphans below it.
ChildEnd run_child(const ChildCommand& command, const std::atomic<int>& interrupt);

inline constexpr double kGraceSeconds = 8;

// Not an Error: nothing failed.
struct Interrupted {
  int signal;
};

// The last `count` lines of a log, each with `indent` before it.
std::string last_lines(const Path& log, size_t count, const std::string& indent);

}  // namespace trireme
