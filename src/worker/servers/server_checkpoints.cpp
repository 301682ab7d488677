#include "worker/servers/server_checkpoints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "base/log.h"
#include "base/sha256.h"
#include "checkpoint/manifest.h"
#include "worker/servers/save_place.h"
#include "worker/servers/server_files.h"

namespace trireme {
namespace {

constexpr auto kPause = std::chrono::milliseconds(5);  // between two looks at servers that read

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

}  // namespace

ServerCheckpoints::ServerCheckpoints(Servers& servers, std::vector<std::vector<RowColumn>> columns,
                                     const MomentFiles& moments, double timeout)
    : servers_(servers), columns_(std::move(columns)), moments_(moments), timeout_(timeout) {}

std::string ServerCheckpoints::what() const {
  if (moments_.empty()) return "rows";
  return columns_.empty() ? "moments" : "rows and moments";
}

// Those that do not see it.
std::vector<int> ServerCheckpoints::ask_to_restore(const std::string& place, bool look_only) {
  std::vector<int64_t> sees(static_cast<size_t>(servers_.count()));
  servers_.ask([&](ps::ClientCore& client) {
    for (size_t s = 0; s < sees.size(); ++s)
      client.restore(static_cast<int>(s), place, look_only, &sees[s]);
  });
  return blind_among(sees);
}

// The manifest's hash says that it is the same checkpoint, and worker 0 has verified its files.
void ServerCheckpoints::restore(const Path& checkpoint) {
  const Path path = std::filesystem::absolute(checkpoint);
  const SavePlace place{path, sha256_file((path / kManifestName).string()).hex()};
  if (const auto blind = ask_to_restore(place.text(), true); !blind.empty()) {
    log_warning("resuming: worker 0 sends servers their state, because server {} does not see {}",
                fmt::join(blind, ", "), checkpoint.string());
    return;
  }
  ask_to_restore(place.text(), false);
  std::vector<ps::FileProgress> progress(static_cast<size_t>(servers_.count()));
  std::vector<Clock::time_point> moved(progress.size(), Clock::now());
  while (!all_done(servers_, ps::kRestoring, progress, moved, timeout_))
    std::this_thread::sleep_for(kPause);
  servers_.read_themselves = true;
  log_info("resuming: {} from the checkpoint", servers_.count() == 1
                                                   ? "the server has read its state"
                                                   : "servers have read their state");
}

void ServerCheckpoints::may_write_into(const Path& folder) {
  if (columns_.empty() && moments_.empty()) return;
  std::filesystem::create_directories(folder);
  const Token token(std::filesystem::absolute(folder));
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(servers_.count()),
                                         std::vector<int64_t>(columns_.size()));
  const auto blind = blind_servers(servers_, token.text(), true, rows);
  servers_.write_themselves = blind.empty();
  if (blind.empty())
    log_info("checkpoints: {} {} into {}",
             servers_.count() == 1 ? "the server writes its" : "servers write their", what(),
             folder.string());
  else
    log_warning("checkpoints: {} pass through worker 0, because server {} does not see {}", what(),
                fmt::join(blind, ", "), folder.string());
}

std::unique_ptr<WrittenByOthers> ServerCheckpoints::save(const Path& folder) {
  if (!servers_.write_themselves) return nullptr;
  return std::make_unique<ServerFiles>(servers_, folder, columns_, moments_, timeout_);
}

}  // namespace trireme
