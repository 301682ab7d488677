// environment.json: where and with what a run was made.

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "worker/run_log.h"

namespace trireme {

namespace {

bool is_secret(std::string name) {
  constexpr std::array<std::string_view, 6> kWords = {"KEY",      "TOKEN",  "SECRET",
                                                      "PASSWORD", "PASSWD", "CREDENTIAL"};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

std::map<std::string, std::string> environment_variables() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string name(text.substr(0, equals));
    variables[name] = is_secret(name) ? "(masked)" : std::string(text.substr(equals + 1));
  }
  return variables;
}

// "" where the system does not tell.
std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos && trim(line.substr(0, colon)) == "model name")
      return std::string(trim(std::string_view(line).substr(colon + 1)));
  }
  return {};
}

}  // namespace

void write_environment(const Path& dir, const std::vector<std::string>& command_line,
                       const std::vector<std::string>& hosts,
                       const std::map<std::string, std::string>& facts) {
  utsname system{};
  (void)::uname(&system);
  std::vector<std::string> distinct = hosts;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const nlohmann::ordered_json json{
      {"time", utc_now()},
      {"command_line", command_line},
      {"working_folder", std::filesystem::current_path().string()},
      {"build", facts},
      {"ranks", hosts.size()},
      {"hosts", distinct},
      {"host_of_rank", hosts},
      {"system",
       {{"name", system.sysname},
        {"release", system.release},
        {"version", system.version},
        {"machine", system.machine}}},
      {"cpu", {{"model", cpu_model()}, {"threads", std::thread::hardware_concurrency()}}},
      {"variables", environment_variables()},
  };
  write_atomic(dir / "environment.json",
               json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace trireme
