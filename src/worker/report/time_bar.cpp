#include "worker/report/time_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "worker/run_log/numbers.h"

namespace trireme {

std::string time_bar_html(const PhaseSeconds& phases, double elapsed) {
  struct Part {
    const char* name;
    const char* style;
    double seconds;
  };
  const double known = phases.data + phases.compute + phases.exchange + phases.optimizer +
                       phases.evaluation + phases.checkpoint;
  const double whole = std::max(elapsed, known);
  if (!(whole > 0)) return {};
  const std::array<Part, 7> parts = {{{"compute", "t-compute", phases.compute},
                                      {"exchange", "t-exchange", phases.exchange},
                                      {"optimizer", "t-optimizer", phases.optimizer},
                                      {"data", "t-data", phases.data},
                                      {"evaluation", "t-evaluation", phases.evaluation},
                                      {"checkpoint", "t-checkpoint", phases.checkpoint},
                                      {"other", "t-other", whole - known}}};
  std::string bar, legend;
  for (const Part& part : parts) {
    const double percent = 100 * part.seconds / whole;
    if (percent >= 0.05)
      bar += fmt::format("<i class=\"{}\" style=\"width:{:.2f}%\" title=\"{} {:.1f}%\">{}</i>",
                         part.style, percent, part.name, percent,
                         percent >= 6 ? fmt::format("{:.0f}%", percent) : "");
    legend += fmt::format(
        "<span class=\"key\"><i class=\"{}\"></i>{} <b>{:.1f}%</b> <small>{}</small></span>",
        part.style, part.name, percent, long_duration(part.seconds));
  }
  return "<section><h2>Where the time went</h2><div class=\"card\"><div class=\"bar\">" + bar +
         "</div><div class=\"keys\">" + legend +
         "</div><p class=\"quiet\">Lane 0 of rank 0. Exchange includes waiting for other lanes and "
         "ranks.</p></div></section>\n";
}

}  // namespace trireme
