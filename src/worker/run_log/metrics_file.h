#pragma once
// RUN/metrics.jsonl: one JSON object a line.

#include <memory>

#include "worker/run_log/append_file.h"
#include "worker/run_log/history.h"

namespace trireme {

// Opens RUN/metrics.jsonl to append to. Lines already there up to `last_step` stay and fill
// `history`; later ones, and a last one that a kill tore, are removed from the file (rewritten
// atomically).
std::unique_ptr<AppendFile> open_metrics(const Path& run, int64_t last_step, History& history);

}  // namespace trireme
