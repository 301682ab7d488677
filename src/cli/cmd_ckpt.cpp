#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/options.h"

namespace trireme {
namespace {

const std::vector<OptionSpec> kNoOptions = {};

std::string help() {
  return format_help(
      "trireme ckpt inspect|verify CHECKPOINT\n       trireme ckpt diff A B",
      "Looks into checkpoints. CHECKPOINT, A and B: a run directory, its checkpoints "
      "folder (both stand for\nthe newest good checkpoint), or one checkpoint.",
      kNoOptions,
      "inspect  the run's state and every tensor; of embedding tables norms, updates and age of "
      "their\n"
      "         rows, and the most updated keys\n"
      "verify   reads everything back; exit 3 when something is not whole\n"
      "diff     the tensors that differ; exit 1 when any does. Rows of embedding tables are "
      "compared by\n"
      "         key\n");
}

// The checkpoint itself where one is named, so that a damaged one is shown and not passed over.
int inspect(const std::string& what) {
  fmt::print("{}", describe_checkpoint(resolve_checkpoint(what)));
  return static_cast<int>(ExitCode::done);
}

// A checkpoint, or every checkpoint of a run or folder: damaged ones must not be passed over here.
std::vector<Path> checkpoints_of(const std::string& what) {
  for (const Path& folder : {Path(what) / "checkpoints", Path(what)}) {
    std::vector<Path> all = list_checkpoints(folder);
    if (!all.empty()) return all;
  }
  return {resolve_checkpoint(what)};
}

int verify(const std::string& what) {
  bool whole = true;
  for (const Path& checkpoint : checkpoints_of(what)) {
    const auto problems = verify_checkpoint(checkpoint);
    if (problems.empty()) fmt::print("{}: whole\n", checkpoint.string());
    for (const std::string& problem : problems) fmt::print("{}\n", problem);
    whole = whole && problems.empty();
  }
  return static_cast<int>(whole ? ExitCode::done : ExitCode::data);
}

void print(const TableDifference& d) {
  fmt::print("table {}: {} keys only in A, {} only in B, {} in both", d.name, d.only_in_a,
             d.only_in_b, d.both);
  if (d.differing > 0)
    fmt::print(", of which {} rows differ, by at most {:.4g} (key {})", d.differing, d.max_absolute,
               d.key);
  fmt::print("\n");
}

int diff(const std::string& a, const std::string& b) {
  const Path left = resolve_checkpoint(a), right = resolve_checkpoint(b);
  const auto differences = diff_checkpoints(left, right);
  if (differences.empty()) {
    fmt::print("equal: all tensors agree bit for bit\n");
    return static_cast<int>(ExitCode::done);
  }
  size_t width = 6;
  for (const auto& d : differences) width = std::max(width, d.name.size());
  fmt::print("{:<{}}  {:<9}  {:>12}  {:>12}  {:>12}  {:>12}\n", "tensor", width, "kind",
             "differing", "of", "max abs", "max rel");
  for (const auto& d : differences) {
    fmt::print("{:<{}}  {:<9}  {:>12}  {:>12}  {:>12.4g}  {:>12.4g}\n", d.name, width, d.kind,
               d.differing, d.elements, d.max_absolute, d.max_relative);
  }
  fmt::print("{} tensors differ\n", differences.size());
  for (const TableDifference& d : diff_tables(left, right)) print(d);
  return static_cast<int>(ExitCode::failure);
}

}  // namespace

int command_ckpt(const Args& args) {
  if (args.empty() || args[0] == "--help" || args[0] == "-h" ||
      std::find(args.begin() + 1, args.end(), "--help") != args.end()) {
    fmt::print("{}", help());
    return static_cast<int>(args.empty() ? ExitCode::config : ExitCode::done);
  }
  const Options options(Args(args.begin() + 1, args.end()), kNoOptions);
  const auto& words = options.positional();
  const size_t expected = args[0] == "diff" ? 2 : 1;
  const std::vector<std::string> known = {"inspect", "verify", "diff"};
  if (std::find(known.begin(), known.end(), args[0]) == known.end()) {
    const auto near = nearest(args[0], known);
    throw ConfigError("trireme ckpt: there is no '" + args[0] + "'",
                      near ? "did you mean '" + *near + "'?" : "one of inspect, verify, diff");
  }
  if (words.size() != expected) {
    throw ConfigError("trireme ckpt " + args[0] + " takes " + std::to_string(expected) +
                          " checkpoint(s), " + std::to_string(words.size()) + " were given",
                      "`trireme ckpt --help` shows the forms");
  }
  if (args[0] == "inspect") return inspect(words[0]);
  if (args[0] == "verify") return verify(words[0]);
  return diff(words[0], words[1]);
}

}  // namespace trireme
