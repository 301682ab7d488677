#pragma once
// What servers do with checkpoints themselves, where they see the files that worker 0 sees: they
// write what they alone hold, and read all that they hold. Worker 0 alone, between steps.

#include <memory>
#include <string>
#include <vector>

#include "worker/servers/moment_files.h"
#include "worker/servers/servers.h"
#include "worker/tables/row_columns.h"
#include "worker/written_by_others.h"

namespace trireme {

class ServerCheckpoints {
 public:
  // columns: of a server's tables (saved_columns()); timeout: seconds that servers may need between
  // two pieces. Borrows servers and moments.
  ServerCheckpoints(Servers& servers, std::vector<std::vector<RowColumn>> columns,
                    const MomentFiles& moments, double timeout);

  // Has servers restore themselves, and waits for them. Without effect, but for a line in the log,
  // where one does not see the checkpoint. Once, before anything else is restored.
  void restore(const Path& checkpoint);
  // Looks whether all servers see this folder, by a file in it that is gone afterwards, and says so
  // in the log. Once, before the first save().
  void may_write_into(const Path& folder);
  // Has servers write into a checkpoint's folder below that one, as of now; null where they cannot.
  std::unique_ptr<WrittenByOthers> save(const Path& folder);

 private:
  std::vector<int> ask_to_restore(const std::string& place, bool look_only);
  std::string what() const;  // they write; for the log

  Servers& servers_;
  const std::vector<std::vector<RowColumn>> columns_;
  const MomentFiles& moments_;
  const double timeout_;
};

}  // namespace trireme
