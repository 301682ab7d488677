#include "worker/run_log/metrics_file.h"

#include "base/text.h"

namespace trireme {

std::unique_ptr<AppendFile> open_metrics(const Path& run, int64_t last_step, History& history) {
  const Path path = run / "metrics.jsonl";
  if (std::filesystem::exists(path)) {
    const std::string before = read_text(path);
    std::string kept;
    for (const std::string& line : split(before, '\n')) {
      if (!line.empty() && read_line(line, last_step, history)) kept += line + '\n';
    }
    if (kept != before) write_atomic(path, kept);
  }
  return std::make_unique<AppendFile>(path, /*exclusive=*/false);
}

}  // namespace trireme
