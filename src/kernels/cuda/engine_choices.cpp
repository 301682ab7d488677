#include "kernels/cuda/engine_choices.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

namespace trireme::cu {

EngineChoices::EngineChoices(std::string file, std::string place)
    : file_(std::move(file)), place_(std::move(place)) {
  std::ifstream in(file_);
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    if (line.compare(0, first, place_) != 0) continue;
    engines_.emplace(line.substr(first + 1, second - first - 1), line.substr(second + 1));
  }
}

std::string EngineChoices::find(const std::string& problem) const {
  const std::scoped_lock lock(mutex_);
  const auto at = engines_.find(problem);
  return at == engines_.end() ? "" : at->second;
}

// One write of one line in append mode: lines of several processes do not mix.
void EngineChoices::add(const std::string& problem, const std::string& engine) {
  const std::scoped_lock lock(mutex_);
  if (!engines_.emplace(problem, engine).second || file_.empty()) return;
  const std::string line = place_ + '\t' + problem + '\t' + engine + '\n';
  const int out = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (out < 0) return;  // the next start times again
  (void)!::write(out, line.data(), line.size());
  (void)::close(out);
}

}  // namespace trireme::cu
