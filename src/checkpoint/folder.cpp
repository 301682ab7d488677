#include "checkpoint/folder.h"

#include <algorithm>
#include <cstdio>
#include <system_error>

#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kLeftover = ".tmp-";

void check(const std::error_code& code, const char* operation, const Path& path) {
  if (!code) return;
  throw DataError("cannot " + std::string(operation) + " " + path.string() + ": " + code.message(),
                  "check the path, the permissions of its folder and the free space");
}

}  // namespace

std::string step_name(int64_t step) {
  char text[32];
  std::snprintf(text, sizeof text, "step-%08lld", static_cast<long long>(step));
  return text;
}

std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto step = parse_int(std::string_view(name).substr(kPrefix.size()));
  if (!step || *step < 0 || step_name(*step) != name) return std::nullopt;
  return step;
}

bool is_leftover(const std::string& name) {
  const size_t at = name.find(kLeftover);
  return at != std::string::npos && step_of(name.substr(0, at)).has_value();
}

std::vector<Path> entries_of(const Path& folder) {
  std::vector<Path> found;
  std::error_code code;
  fs::directory_iterator it(folder, code);
  if (code == std::errc::no_such_file_or_directory) return found;
  for (; !code && it != fs::directory_iterator(); it.increment(code)) found.push_back(it->path());
  check(code, "list", folder);
  std::sort(found.begin(), found.end());
  return found;
}

void remove_tree(const Path& path) {
  std::error_code code;
  fs::remove_all(path, code);
  check(code, "remove", path);
}

void rename_path(const Path& from, const Path& to) {
  std::error_code code;
  fs::rename(from, to, code);
  check(code, "rename", from);
}

}  // namespace trireme
