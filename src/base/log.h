#pragma once
// Log lines. Every rank writes to its own file in the run directory; warnings and errors also go to
// stderr with the rank as prefix, information to stderr from rank 0 alone.

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace trireme {

enum class LogLevel { debug, info, warning, error };

struct LogOptions {
  int rank = 0, world = 1;
  std::string file;    // empty: no file
  bool quiet = false;  // no information on stderr
};

// Once per process, before threads start. Until then everything goes to stderr.
void init_log(const LogOptions& options);
void log_line(LogLevel level, std::string_view text);
void flush_log();

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace trireme
