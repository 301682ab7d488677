#pragma once
// Worker 0's view of servers that write their rows into a checkpoint's folder themselves.

#include <vector>

#include "base/clock.h"
#include "ps/message.h"
#include "worker/row_columns.h"
#include "worker/servers/servers.h"
#include "worker/written_rows.h"

namespace trireme {

// Whether all servers see this folder, by a file in it that is gone afterwards; what the log is to
// say of it. Worker 0 alone, between steps.
struct SeenByServers {
  bool all = false;
  std::string in_words;
};
SeenByServers look_for(Servers& servers, const Path& folder, size_t parts);

class ServerFiles final : public WrittenRows {
 public:
  // Has every server save its rows, as they are now, into `folder`. columns: of each part of a
  // server's tables. Borrows the servers. Throws DataError where one does not see the folder.
  ServerFiles(Servers& servers, const Path& folder, std::vector<std::vector<RowColumn>> columns,
              double timeout);
  std::optional<std::vector<WrittenPart>> look() override;

 private:
  Servers& servers_;
  const std::vector<std::vector<RowColumn>> columns_;
  const double timeout_;
  std::vector<std::vector<int64_t>> rows_;  // by server and part
  std::vector<ps::SavedRows> saved_;        // by server
  std::vector<Clock::time_point> moved_;    // when it had gone on last
};

}  // namespace trireme
