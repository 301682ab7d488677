#pragma once
// Worker 0's view of a checkpoint that servers write into themselves.

#include <vector>

#include "base/clock.h"
#include "ps/message.h"
#include "worker/servers/moment_files.h"
#include "worker/servers/servers.h"
#include "worker/tables/row_columns.h"
#include "worker/written_by_others.h"

namespace trireme {

class ServerFiles final : public WrittenByOthers {
 public:
  // Has every server save what it alone holds, as it is now, into `folder`. columns: of each part
  // of a server's tables (saved_columns()). Borrows servers and moments. Throws DataError where one
  // does not see the folder.
  ServerFiles(Servers& servers, const Path& folder,
              const std::vector<std::vector<RowColumn>>& columns, const MomentFiles& moments,
              double timeout);
  std::optional<std::vector<WrittenPart>> look() override;

 private:
  std::vector<WrittenPart> parts() const;

  Servers& servers_;
  const std::vector<std::vector<RowColumn>> columns_;
  const MomentFiles& moments_;
  const double timeout_;
  std::vector<std::vector<int64_t>> rows_;  // by server and part
  std::vector<ps::FileProgress> saved_;     // by server
  std::vector<Clock::time_point> moved_;    // when it had gone on last
};

// Servers whose answer is no.
std::vector<int> blind_among(const std::vector<int64_t>& sees);

// Asks all servers to save into a place, or whether they see it (look_only): those that do not. How
// many rows each of their parts has goes to rows, by server.
std::vector<int> blind_servers(Servers& servers, const std::string& place, bool look_only,
                               std::vector<std::vector<int64_t>>& rows);

// Asks all servers that are not done how far they are with `what` (ps::kSaving, ps::kRestoring).
// moved: when each was seen to go on last. Throws CommError naming one that has not gone on for
// `timeout` seconds. True: all are done.
bool all_done(Servers& servers, uint32_t what, std::vector<ps::FileProgress>& progress,
              std::vector<Clock::time_point>& moved, double timeout);

}  // namespace trireme
