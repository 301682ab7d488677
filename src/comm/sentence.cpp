#include "comm/sentence.h"

#include <fmt/format.h>

namespace trireme {

std::string name(const Member& m) { return fmt::format("rank {} (host {})", m.rank, m.host); }

std::string name_with_pid(const Member& m) {
  return fmt::format("rank {} (host {}, pid {})", m.rank, m.host, m.pid);
}

std::string awaited(const Wait& wait) {
  if (wait.step < 0) return std::string(wait.what);
  return fmt::format("{} at step {}", wait.what, wait.step);
}

std::string waited(const Member& me, const Wait& wait, double seconds) {
  const std::string time =
      seconds >= wait.seconds ? fmt::format("{:g}", wait.seconds) : fmt::format("{:.1f}", seconds);
  return fmt::format("{} waited {} s for {}", name(me), time, awaited(wait));
}

std::string no_answer(std::span<const Member> missing) {
  constexpr size_t kNamed = 8;
  std::string text = "no answer from ";
  for (size_t i = 0; i < missing.size() && i < kNamed; ++i)
    text += (i ? ", " : "") + name_with_pid(missing[i]);
  if (missing.size() > kNamed) text += fmt::format(" and {} more", missing.size() - kNamed);
  return text;
}

std::string first_cause(const Member& m, std::string_view why) {
  if (why.starts_with("rank ")) return std::string(why);
  return fmt::format("{} failed: {}", name(m), why);
}

std::string deadline_hint() { return "if that rank is slow rather than stuck, raise run.timeout"; }

}  // namespace trireme
