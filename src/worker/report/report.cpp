#include "worker/report/report.h"

#include <fmt/format.h>

namespace trireme {

std::string report_html(const Experiment& experiment, const History& history, const RunSummary& summary) {
  return fmt::format("<!doctype html><title>{}</title><p>{}: {} steps</p>\n", experiment.run.name, summary.status,
                     history.steps.empty() ? 0 : history.steps.back().record.step);
}

}  // namespace trireme
