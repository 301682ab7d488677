#include "comm/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <string_view>

#include "base/text.h"

namespace trireme {

std::optional<uint64_t> process_start(int64_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char text[1024];
  const ssize_t length = ::read(fd, text, sizeof text);
  ::close(fd);
  if (length <= 0) return std::nullopt;
  const std::string_view line(text, static_cast<size_t>(length));
  // Field 2 is the program's name in parentheses, and may hold spaces and parentheses itself.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= line.size()) return std::nullopt;
  const auto fields = split(line.substr(name_end + 2), ' ');  // fields[0] is field 3, the state
  constexpr size_t kState = 0, kStart = 22 - 3;
  if (fields.size() <= kStart || fields[kState] == "Z" || fields[kState] == "X")
    return std::nullopt;
  const auto start = parse_int(fields[kStart]);
  return start ? std::optional<uint64_t>(static_cast<uint64_t>(*start)) : std::nullopt;
}

ProcessWatch::ProcessWatch(std::span<const Member> ranks) {
  for (const Member& m : ranks) {
    if (m.pid == ::getpid()) continue;
    if (const auto start = process_start(m.pid)) watched_.push_back({m, *start});
  }
}

const Member* ProcessWatch::dead() {
  const auto now = Clock::now();
  if (now - last_look_ < kInterval) return nullptr;
  last_look_ = now;
  for (const Watched& w : watched_)
    if (process_start(w.member.pid) != w.start) return &w.member;
  return nullptr;
}

}  // namespace trireme
