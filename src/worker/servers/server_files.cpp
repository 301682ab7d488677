#include "worker/servers/server_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "worker/servers/row_file.h"
#include "worker/servers/save_place.h"

namespace trireme {

std::vector<int> blind_among(const std::vector<int64_t>& sees) {
  std::vector<int> blind;
  for (size_t s = 0; s < sees.size(); ++s)
    if (sees[s] == 0) blind.push_back(static_cast<int>(s));
  return blind;
}

std::vector<int> blind_servers(Servers& servers, const std::string& place, bool look_only,
                               std::vector<std::vector<int64_t>>& rows) {
  std::vector<int64_t> sees(rows.size());
  servers.ask([&](ps::ClientCore& client) {
    for (size_t s = 0; s < rows.size(); ++s)
      client.save(static_cast<int>(s), place, look_only, rows[s], &sees[s]);
  });
  return blind_among(sees);
}

bool all_done(Servers& servers, uint32_t what, std::vector<ps::FileProgress>& progress,
              std::vector<Clock::time_point>& moved, double timeout) {
  std::vector<ps::FileProgress> now = progress;
  servers.ask([&](ps::ClientCore& client) {
    for (size_t s = 0; s < now.size(); ++s)
      if (!now[s].done) client.fetch_progress(static_cast<int>(s), what, &now[s]);
  });
  bool all = true;
  for (size_t s = 0; s < now.size(); ++s) {
    if (now[s].done || now[s].progress != progress[s].progress) moved[s] = Clock::now();
    if (seconds_since(moved[s]) > timeout)
      throw CommError(fmt::format("server {} has {} nothing more of the checkpoint for {:.0f} s", s,
                                  what == ps::kSaving ? "written" : "read", timeout),
                      "look at the file system of its host, or raise run.timeout");
    all &= now[s].done != 0;
  }
  progress = std::move(now);
  return all;
}

ServerFiles::ServerFiles(Servers& servers, const Path& folder,
                         const std::vector<std::vector<RowColumn>>& columns,
                         const MomentFiles& moments, double timeout)
    : servers_(servers),
      columns_(columns),
      moments_(moments),
      timeout_(timeout),
      rows_(static_cast<size_t>(servers.count()), std::vector<int64_t>(columns_.size())),
      saved_(rows_.size()),
      moved_(rows_.size(), Clock::now()) {
  moments_.create(folder);
  const SavePlace place{std::filesystem::absolute(folder)};
  const auto blind = blind_servers(servers_, place.text(), false, rows_);
  if (!blind.empty())
    throw DataError(fmt::format("server {} does not see {} any more", fmt::join(blind, ", "),
                                place.path.string()),
                    "all ranks need the run directory, or set checkpoint.servers_write = false");
}

std::vector<WrittenPart> ServerFiles::parts() const {
  std::vector<WrittenPart> parts = moments_.parts();
  const int servers = static_cast<int>(saved_.size());
  for (int s = 0; s < servers && !columns_.empty(); ++s) {
    const ps::FileProgress& file = saved_[static_cast<size_t>(s)];
    parts.push_back({{row_file_name(s, servers), file.bytes,
                      std::string(file.sha256.begin(), file.sha256.end())},
                     row_file_tensors(columns_, rows_[static_cast<size_t>(s)], s, servers)});
  }
  return parts;
}

std::optional<std::vector<WrittenPart>> ServerFiles::look() {
  if (!all_done(servers_, ps::kSaving, saved_, moved_, timeout_)) return std::nullopt;
  return parts();
}

}  // namespace trireme
