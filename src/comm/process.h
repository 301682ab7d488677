#pragma once
// Does the process of a rank still live?

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "comm/communicator.h"

namespace trireme {

// When the process started, in clock ticks since boot (field 22 of /proc/PID/stat): with the pid it
// names one process, although pids are used again. nullopt: there is none, or it is a zombie.
std::optional<uint64_t> process_start(int64_t pid);

// Watches the processes of some ranks on this host. A process that cannot be seen when the watch
// begins (another pid namespace) is not watched. Copyable; one thread at a time.
class ProcessWatch {
 public:
  ProcessWatch() = default;
  explicit ProcessWatch(std::span<const Member> ranks);
  // The first rank whose process has gone, or nullptr. Reads /proc at most once in kInterval.
  const Member* dead();

 private:
  static constexpr std::chrono::milliseconds kInterval{50};
  struct Watched {
    Member member;
    uint64_t start;
  };
  std::vector<Watched> watched_;
  Clock::time_point last_look_{};
};

}  // namespace trireme
