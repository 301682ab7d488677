#include "worker/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/filesystem_error.h"
#include "base/text.h"
#include "kernels/kernel_table.h"
#include "worker/lane_team.h"

namespace trireme {
namespace {

constexpr char kBetween = '\x1f';  // texts that travel together

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string who(const Communicator& comm, size_t rank) {
  return fmt::format("rank {} ({})", rank, comm.members()[rank].host);
}

// The first lines that differ; "nothing" for an empty one, or none.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b) {
  const auto in_a = split(a, '\n'), in_b = split(b, '\n');
  size_t i = 0;
  while (i < in_a.size() && i < in_b.size() && in_a[i] == in_b[i]) ++i;
  const auto shown = [i](const std::vector<std::string>& lines) {
    return i < lines.size() && !lines[i].empty() ? lines[i] : "nothing";
  };
  return {shown(in_a), shown(in_b)};
}

}  // namespace

void together(Communicator& comm, const char* what, double timeout,
              const std::function<void()>& body) {
  std::string mine;  // code, message, hint; empty: fine
  const auto note = [&](const Error& e) {
    mine = fmt::format("{}{}{}{}{}", static_cast<int>(e.code()), kBetween, e.what(), kBetween,
                       e.hint());
  };
  try {
    body();
  } catch (const Error& e) {
    note(e);
  } catch (const std::filesystem::filesystem_error& e) {
    note(as_data_error(e));
  }
  const auto all = comm.all_gather(bytes_of(mine), {timeout, what, -1});
  size_t failed = 0, alike = 0;
  while (failed < all.size() && all[failed].empty()) ++failed;
  if (failed == all.size()) return;
  for (const auto& theirs : all) alike += theirs == all[failed];
  const auto parts = split(text_of(all[failed]), kBetween);
  const std::string name = alike == all.size() ? "" : who(comm, failed) + ": ";
  throw AgreedError(static_cast<ExitCode>(*parse_int(parts[0])), name + parts[1], parts[2]);
}

void agree(Communicator& comm, const Facts& facts, double timeout) {
  std::string mine;
  for (const auto& [name, value] : facts) mine += value + kBetween;
  const auto all = comm.all_gather(bytes_of(mine), {timeout, "the start-up agreement", -1});
  auto reference = split(text_of(all[0]), kBetween);
  reference.resize(facts.size());  // another build's facts may be others
  std::string differences;
  for (size_t rank = 1; rank < all.size(); ++rank) {
    auto theirs = split(text_of(all[rank]), kBetween);
    theirs.resize(facts.size());
    for (size_t i = 0; i < facts.size(); ++i) {
      if (theirs[i] == reference[i]) continue;
      const auto [there, here] = first_difference(theirs[i], reference[i]);
      differences += fmt::format("\n  {} differs: {} has {}, {} has {}", facts[i].first,
                                 who(comm, rank), there, who(comm, 0), here);
    }
  }
  if (!differences.empty())
    throw AgreedError(
        ExitCode::config, "the ranks do not run the same job:" + differences,
        "start every rank with the same program, experiment file, overrides and data");
}

std::string agree_on_cpu_level(Communicator& comm, const std::string& wanted, double timeout) {
  static const std::vector<std::string> order = {"baseline", "x86-64-v3", "x86-64-v4"};
  const auto height = [&](const std::string& level) {
    return std::find(order.begin(), order.end(), level) - order.begin();
  };
  const auto mine = split(cpu_levels(), ' ');
  std::string best = mine.back();
  if (!wanted.empty()) {
    if (std::find(mine.begin(), mine.end(), wanted) == mine.end())
      throw DeviceError(
          fmt::format("run.cpu_level = {} is not available on {}: this processor has {}", wanted,
                      comm.members()[static_cast<size_t>(comm.rank())].host, cpu_levels()),
          "leave run.cpu_level empty, or choose one of these");
    best = wanted;
  }
  for (const auto& theirs :
       comm.all_gather(bytes_of(best), {timeout, "the instruction level of every rank", -1}))
    if (height(text_of(theirs)) < height(best)) best = text_of(theirs);
  return best;
}

int ranks_with_my_affinity(Communicator& comm, double timeout) {
  const std::string mine = affinity_mask();
  const auto all =
      comm.all_gather(bytes_of(mine), {timeout, "the affinity mask of every rank", -1});
  int count = 0;
  const auto members = comm.members();
  for (size_t rank = 0; rank < all.size(); ++rank)
    count += text_of(all[rank]) == mine &&
             members[rank].node == members[static_cast<size_t>(comm.rank())].node;
  return count;
}

std::string broadcast_text(Communicator& comm, const std::string& text, int root,
                           const Wait& wait) {
  int64_t size = static_cast<int64_t>(text.size());
  comm.broadcast(std::as_writable_bytes(std::span(&size, 1)), root, wait);
  std::string result = text;
  result.resize(static_cast<size_t>(size));
  comm.broadcast(std::as_writable_bytes(std::span(result)), root, wait);
  return result;
}

}  // namespace trireme
