#include "worker/servers/server_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <random>

#include "base/error.h"
#include "worker/servers/row_file.h"

namespace trireme {
namespace {

// Random words in a file that goes away.
class Token {
 public:
  explicit Token(const Path& folder)
      : place_{folder / fmt::format(".seen-{}", ::getpid()),
               fmt::format("{:08x}{:08x}", std::random_device()(), std::random_device()())} {
    write_atomic(place_.path, place_.words);
  }
  ~Token() {
    std::error_code ignored;
    std::filesystem::remove(place_.path, ignored);
  }
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  std::string text() const { return place_.text(); }

 private:
  const SavePlace place_;
};

// Whether each server sees the place, and how many rows each of its parts has.
std::vector<int64_t> save_rows(Servers& servers, const std::string& place, bool look_only,
                               std::vector<std::vector<int64_t>>& rows) {
  std::vector<int64_t> sees(rows.size());
  servers.ask([&](ps::ClientCore& client) {
    for (size_t s = 0; s < rows.size(); ++s)
      client.save_rows(static_cast<int>(s), place, look_only, rows[s], &sees[s]);
  });
  return sees;
}

std::vector<int> blind_among(const std::vector<int64_t>& sees) {
  std::vector<int> blind;
  for (size_t s = 0; s < sees.size(); ++s)
    if (sees[s] == 0) blind.push_back(static_cast<int>(s));
  return blind;
}

}  // namespace

SeenByServers look_for(Servers& servers, const Path& folder, size_t parts) {
  std::filesystem::create_directories(folder);
  const Token token(std::filesystem::absolute(folder));
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(servers.count()),
                                         std::vector<int64_t>(parts));
  const auto blind = blind_among(save_rows(servers, token.text(), true, rows));
  if (blind.empty())
    return {true, fmt::format("checkpoints: {} into {}",
                              servers.count() == 1 ? "the server writes its rows"
                                                   : "servers write their rows",
                              folder.string())};
  return {false,
          fmt::format("checkpoints: rows pass through worker 0, because server {} does not see {}",
                      fmt::join(blind, ", "), folder.string())};
}

ServerFiles::ServerFiles(Servers& servers, const Path& folder,
                         std::vector<std::vector<RowColumn>> columns, double timeout)
    : servers_(servers),
      columns_(std::move(columns)),
      timeout_(timeout),
      rows_(static_cast<size_t>(servers.count()), std::vector<int64_t>(columns_.size())),
      saved_(rows_.size()),
      moved_(rows_.size(), Clock::now()) {
  const SavePlace place{std::filesystem::absolute(folder)};
  const auto blind = blind_among(save_rows(servers_, place.text(), false, rows_));
  if (!blind.empty())
    throw DataError(fmt::format("server {} does not see {} any more", fmt::join(blind, ", "),
                                place.path.string()),
                    "all ranks need the run directory, or set checkpoint.servers_write = false");
}

std::optional<std::vector<WrittenPart>> ServerFiles::look() {
  std::vector<ps::SavedRows> now = saved_;
  servers_.ask([&](ps::ClientCore& client) {
    for (size_t s = 0; s < now.size(); ++s)
      if (!now[s].done) client.fetch_saved(static_cast<int>(s), &now[s]);
  });
  bool all = true;
  std::vector<WrittenPart> parts;
  for (size_t s = 0; s < now.size(); ++s) {
    if (now[s].done || now[s].progress != saved_[s].progress) moved_[s] = Clock::now();
    if (seconds_since(moved_[s]) > timeout_)
      throw CommError(
          fmt::format("server {} has written nothing more of its rows for {:.0f} s", s, timeout_),
          "look at the file system of its host, or raise run.timeout");
    all &= now[s].done != 0;
    const int server = static_cast<int>(s), servers = static_cast<int>(now.size());
    parts.push_back({{row_file_name(server, servers), now[s].bytes,
                      std::string(now[s].sha256.begin(), now[s].sha256.end())},
                     row_file_tensors(columns_, rows_[s], server, servers)});
  }
  saved_ = std::move(now);
  if (!all) return std::nullopt;
  return parts;
}

}  // namespace trireme
