#pragma once
#include <string>

#include "export/export.h"
#include "worker/session.h"

namespace trireme {

// The last rank writes RUN/export, checked against outputs of training's own program; every rank
// must call and gets the parity line and the folder.
struct ExportOutcome {
  std::string folder, parity;
};
ExportOutcome export_at_end(Session& session, const Path& run);

}  // namespace trireme
