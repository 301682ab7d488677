#pragma once
// report.html: one file that needs nothing else, with curves, timings and results of a run.

#include <string>

#include "config/experiment.h"
#include "worker/run_log/history.h"

namespace trireme {

// The whole page. summary.status "running" while the run goes on.
std::string report_html(const Experiment& experiment, const History& history,
                        const RunSummary& summary);

}  // namespace trireme
