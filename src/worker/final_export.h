#pragma once
#include <string>

#include "export/export.h"
#include "worker/session.h"

namespace trireme {

// The last rank writes RUN/export, checked against outputs of training's own program; every rank
// must call and gets the parity line and the folder. Where the last rank is a server it calls
// export_on_server() instead, as all servers do.
struct ExportOutcome {
  std::string folder, parity;
};
ExportOutcome export_at_end(Session& session, const Path& run);
void export_on_server(Communicator& world, const Experiment& experiment);

}  // namespace trireme
