// Where runs live: PARENT/NAME-YYYYMMDD-HHMMSS[-N].

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <optional>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "worker/run_log.h"

namespace trireme {

namespace {

namespace fs = std::filesystem;

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts)};
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

struct RunName {
  std::string stamp;   // 20261122-101530
  int64_t number = 1;  // 2 in 20261122-101530-2
  friend auto operator<=>(const RunName&, const RunName&) = default;
};

// nullopt: not a run of `name`.
std::optional<RunName> parse_run(const std::string& folder, const std::string& name) {
  if (!folder.starts_with(name + "-")) return std::nullopt;
  const std::vector<std::string> parts =
      split(std::string_view(folder).substr(name.size() + 1), '-');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].size() != 8 || parts[1].size() != 6)
    return std::nullopt;
  if (!std::all_of(parts.begin(), parts.end(), all_digits)) return std::nullopt;
  return RunName{parts[0] + "-" + parts[1],
                 parts.size() == 3 ? parse_int(parts[2]).value_or(1) : 1};
}

[[noreturn]] void fail(const char* operation, const Path& path, const std::error_code& reason) {
  throw DataError(
      "cannot " + std::string(operation) + " " + path.string() + ": " + reason.message(),
      "set run.dir to a folder that you may write to");
}

}  // namespace

Path create_run_directory(const std::string& parent, const std::string& name) {
  std::error_code reason;
  fs::create_directories(parent, reason);
  if (reason) fail("create the folder", parent, reason);
  const std::string stem = name + "-" + time_stamp();
  for (int number = 1;; ++number) {
    const Path path = Path(parent) / (number == 1 ? stem : stem + "-" + std::to_string(number));
    // False when it exists: another run took the name.
    if (fs::create_directory(path, reason)) return path;
    if (reason) fail("create the run directory", path, reason);
  }
}

Path find_latest_run(const std::string& parent, const std::string& name) {
  std::error_code reason;
  std::vector<std::pair<RunName, Path>> runs;
  if (!fs::exists(parent, reason)) return {};
  fs::directory_iterator entries(parent, reason);
  if (reason) fail("read the folder", parent, reason);
  for (const fs::directory_entry& entry : entries) {
    const auto run = parse_run(entry.path().filename().string(), name);
    if (run && entry.is_directory(reason)) runs.emplace_back(*run, entry.path());
  }
  std::sort(runs.rbegin(), runs.rend());
  for (const auto& [run, path] : runs) {
    const Path checkpoints = path / "checkpoints";
    if (!fs::is_directory(checkpoints, reason)) continue;
    try {
      if (newest_good_checkpoint(checkpoints)) return path;
    } catch (const FormatError& e) {  // some, and none is whole: an older run may do
      log_warning("{} is passed over: {}", path.string(), e.what());
    }
  }
  return {};
}

}  // namespace trireme
