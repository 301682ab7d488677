#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <system_error>

#include "base/clock.h"
#include "base/error.h"

namespace trireme {

namespace {

// The log of this process. The only process-wide state of Trireme: a failing wait or a signal path
// must be able to speak without being handed a logger.
struct Log {
  std::mutex mutex;
  LogOptions options;
  int file = -1;
  bool started = false;
};

Log& process_log() {
  static Log log;
  return log;
}

// One write() a line, so that lines of several ranks on one terminal do not mix.
void put(int fd, std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(fd, line.data(), line.size());
    if (written < 0 && errno != EINTR) return;  // a closed terminal must not end the run
    if (written > 0) line.remove_prefix(static_cast<size_t>(written));
  }
}

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 16> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%H:%M:%S", &parts)};
}

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    default:
      return "error";
  }
}

std::string terminal_line(LogLevel level, int rank, std::string_view text) {
  std::string line = rank == 0 ? "" : fmt::format("[rank {}] ", rank);
  if (level == LogLevel::warning) {
    line += "warning: ";
  } else if (level == LogLevel::error) {
    line += "trireme: error: ";
  } else {
    line += local_time() + " ";
  }
  line += text;
  line += '\n';
  return line;
}

bool on_terminal(const Log& log, LogLevel level) {
  if (!log.started || level >= LogLevel::warning) return true;
  return level == LogLevel::info && log.options.rank == 0 && !log.options.quiet;
}

}  // namespace

void init_log(const LogOptions& options) {
  int file = -1;
  if (!options.file.empty()) {
    file = ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) {
      throw DataError("cannot open the log file " + options.file + ": " +
                          std::generic_category().message(errno),
                      "check run.dir");
    }
  }
  Log& log = process_log();
  const std::lock_guard lock(log.mutex);
  if (log.file >= 0) (void)::close(log.file);
  log.options = options;
  log.file = file;
  log.started = true;
}

void log_line(LogLevel level, std::string_view text) {
  Log& log = process_log();
  const std::lock_guard lock(log.mutex);
  if (on_terminal(log, level)) put(STDERR_FILENO, terminal_line(level, log.options.rank, text));
  if (log.file >= 0) put(log.file, fmt::format("{} {}: {}\n", utc_now(), name(level), text));
}

void flush_log() {
  Log& log = process_log();
  const std::lock_guard lock(log.mutex);
  if (log.file >= 0) (void)::fsync(log.file);
}

}  // namespace trireme
