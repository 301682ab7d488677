#include "config/error_list.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace trireme::config {

std::string Place::str() const {
  if (command_line) return "command line";
  return line > 0 ? file + ":" + std::to_string(line) : file;
}

void ErrorList::add(const Place& place, std::string what) {
  errors_.push_back({place, std::move(what)});
}

void ErrorList::throw_if_any() const {
  if (errors_.empty()) return;
  auto sorted = errors_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.place.command_line, a.place.line) <
           std::tie(b.place.command_line, b.place.line);
  });
  std::string what;
  for (const Entry& entry : sorted) {
    if (!what.empty()) what += '\n';
    what += entry.place.str() + ": " + entry.what;
  }
  throw ConfigError(what, "`trireme config --schema` lists every key with type, range and default");
}

}  // namespace trireme::config
