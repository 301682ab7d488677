#include "worker/verify/cases.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace trireme {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// What all trainings share: the same length, no clock, nothing that ends one earlier.
Settings shared_settings(const VerifyOptions& options) {
  return {{"train.max_steps", std::to_string(options.steps)},
          {"train.max_epochs", "0"},
          {"train.max_time", "0"},
          {"train.eval_every", "0"},
          {"train.early_stopping", "0"},
          {"checkpoint.every_epochs", "0"},
          {"checkpoint.every_minutes", "0"},
          {"checkpoint.keep", "100"},
          {"checkpoint.keep_best", "false"},
          {"export.best", "false"},
          {"debug.slow_rank_ms", "0"},
          {"run.progress", "false"}};
}

Settings settings_of(const VerifyOptions& options, const VerifyCase& one, const Path& dir) {
  Settings all = shared_settings(options);
  const bool killed = one.start == Start::killed, reference = one.name == "reference";
  all.emplace_back("run.dir", dir.string());
  all.emplace_back("run.lanes", std::to_string(one.lanes));
  all.emplace_back("checkpoint.every_steps", killed ? std::to_string(save_interval(options)) : "0");
  all.emplace_back("export.formats", reference ? "onnx,safetensors" : "");
  all.emplace_back("debug.kill_rank", killed ? "1" : "-1");
  all.emplace_back("debug.kill_step", killed ? std::to_string(kill_step(options)) : "-1");
  all.emplace_back("debug.kill_how", "kill");
  all.emplace_back("exchange.name", one.servers > 0 ? "parameter_server" : "all_reduce");
  all.emplace_back("exchange.consistency", "sync");
  all.emplace_back("exchange.push_every", "1");
  all.emplace_back("exchange.delay_compensation", "0");
  all.emplace_back("exchange.codec", "none");
  all.emplace_back("exchange.dense", one.mixed ? "all_reduce" : "served");
  if (one.mixed) all.emplace_back("exchange.tables", "served");
  all.emplace_back("exchange.servers", std::to_string(std::max<int64_t>(1, one.servers)));
  return all;
}

std::string count(int64_t n, const char* what) {
  static const std::vector<std::string> words = {"no", "one", "two", "three", "four"};
  const size_t i = static_cast<size_t>(n);
  return fmt::format("{} {}{}", i < words.size() ? words[i] : std::to_string(n), what,
                     n == 1 ? "" : "s");
}

}  // namespace

std::vector<VerifyCase> verify_cases(const VerifyOptions& options) {
  const int64_t n = options.ranks, other = n > 2 ? n : 1;
  std::vector<VerifyCase> cases = {{"reference", "reference", 1, 1, Start::fresh},
                                   {"two ranks", "two-ranks", 2, 1, Start::fresh}};
  if (n > 2) cases.push_back({count(n, "rank"), "n-ranks", n, 1, Start::fresh});
  cases.push_back({"three lanes", "three-lanes", 1, 3, Start::fresh});
  cases.push_back({"killed", "killed", 2, 1, Start::killed});
  cases.push_back({"resumed", "resumed", 2, 1, Start::resumed});
  cases.push_back(
      {"resumed on " + count(other, "rank"), "resumed-on-others", other, 1, Start::resumed});
  if (!options.servers) return cases;
  cases.push_back({"one server", "one-server", 2, 1, Start::fresh, 1});
  if (n > 2) cases.push_back({"two servers", "two-servers", n, 1, Start::fresh, 2});
  cases.push_back({"resumed on two servers", "resumed-on-servers", 1, 2, Start::resumed, 2});
  cases.push_back({"rows on two servers", "mixed", 2, 1, Start::fresh, 2, true});
  return cases;
}

int64_t kill_step(const VerifyOptions& options) { return options.steps / 2 + 1; }
int64_t save_interval(const VerifyOptions& options) {
  return std::max<int64_t>(1, options.steps / 4);
}

std::vector<std::string> launch_words(const VerifyOptions& options, const VerifyCase& one,
                                      const Path& dir, const Path& resume) {
  std::vector<std::string> words = {
      options.mpirun,    "-n",        std::to_string(one.ranks + one.servers),
      "--oversubscribe", "--bind-to", "none",
      options.program,   "train",     options.experiment};
  if (!resume.empty()) words.insert(words.end(), {"--resume", resume.string()});
  for (const std::string& word : options.overrides) words.push_back("--" + word);
  for (const auto& [key, value] : settings_of(options, one, dir))
    words.push_back(fmt::format("--{}={}", key, value));
  return words;
}

void check_overrides(const VerifyOptions& options) {
  for (const std::string& word : options.overrides) {
    const std::string key = word.substr(0, word.find('='));
    for (const auto& [set, value] : settings_of(options, {}, ""))
      if (key == set)
        throw ConfigError(
            fmt::format("trireme verify sets {} itself, but --{} was given", key, word),
            key == "train.max_steps" ? "use --verify.steps" : "leave it out");
  }
}

}  // namespace trireme
