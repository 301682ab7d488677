#pragma once
#include <optional>
#include <string>

#include "export/export.h"
#include "worker/servers/export_parcel.h"
#include "worker/session.h"

namespace trireme {

// The last rank writes RUN/export, checked against outputs of training's own program; every rank
// must call and gets the parity line and the folder. Where the last rank is a server it calls
// export_on_server() instead, as all servers do.
// Before that, and while the servers still serve: gather_export().
struct ExportOutcome {
  std::string folder, parity;
};
// What is to be exported, on the rank that has it; nullopt elsewhere, or where nothing is. Every
// rank may call.
std::optional<ExportParcel> gather_export(Session& session, const Path& run);
ExportOutcome export_at_end(Session& session, std::optional<ExportParcel> parcel);
void export_on_server(Communicator& world, const Experiment& experiment);

}  // namespace trireme
