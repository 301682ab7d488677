#include "worker/place.h"

#include "checkpoint/checkpoint.h"
#include "worker/agreement.h"
#include "worker/run_log.h"

namespace trireme {

Place choose_place(Communicator& comm, const Experiment& e, const std::string& resume) {
  std::string dir, checkpoint;
  together(comm, "the run directory", e.run.timeout, [&] {
    if (comm.rank() != 0) return;
    if (resume == "auto") {
      dir = find_latest_run(e.run.dir, e.run.name).string();
    } else if (!resume.empty()) {
      const Path named = std::filesystem::absolute(resolve_checkpoint(resume));
      checkpoint = named.string();
      // A checkpoint that was copied elsewhere is continued in a run directory of its own.
      if (named.parent_path().filename() == "checkpoints")
        dir = named.parent_path().parent_path().string();
    }
    if (resume == "auto" && !dir.empty())
      checkpoint = newest_good_checkpoint(Path(dir) / "checkpoints").value().string();
  });
  const Wait wait{e.run.timeout, "the run directory", -1};
  return {broadcast_text(comm, dir, 0, wait), broadcast_text(comm, checkpoint, 0, wait)};
}

Path new_run_directory(Communicator& comm, const RunConfig& run) {
  std::string dir;
  together(comm, "the run directory", run.timeout, [&] {
    if (comm.rank() == 0) dir = create_run_directory(run.dir, run.name).string();
  });
  return broadcast_text(comm, dir, 0, {run.timeout, "the run directory", -1});
}

}  // namespace trireme
