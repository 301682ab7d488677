#pragma once
// The lanes of one rank: lane 0 is the caller's thread, the others wait between jobs. Waits spin
// briefly (not at all when there are more lanes than cores), then sleep.

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/spread.h"

namespace trireme {

class LaneTeam {
 public:
  // `prepare` runs once in every lane's thread, the caller's included.
  LaneTeam(int lanes, bool may_spin, const std::function<void()>& prepare);
  ~LaneTeam();
  LaneTeam(const LaneTeam&) = delete;
  LaneTeam& operator=(const LaneTeam&) = delete;
  int lanes() const { return static_cast<int>(threads_.size()) + 1; }
  // Called in the thread of a lane whose job threw, at once: other lanes may be waiting for it.
  using OnError = std::function<void(const std::exception&)>;
  // Runs job(lane) on every lane; returns when all are done. Rethrows what was thrown first.
  void run(const std::function<void(int)>& job, const OnError& on_error = {});
  // The lanes' threads, while no job is under way.
  Spread spread() {
    return {lanes(), [this](const std::function<void(int)>& job) { run(job); }};
  }

 private:
  void serve(int lane);
  void perform(int lane);
  void wait_for(const std::atomic<uint32_t>& word, uint32_t old) const;

  std::vector<std::thread> threads_;
  std::mutex error_guard_;
  std::exception_ptr first_error_;
  const std::function<void(int)>* job_ = nullptr;
  const OnError* on_error_ = nullptr;
  int spins_;
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<uint32_t> remaining_{0};
  bool stop_ = false;
};

// Threads this process may use for lanes: its affinity mask, shared with `ranks_with_same_mask`
// ranks.
int default_lanes(int ranks_with_same_mask);
// The affinity mask as text, for comparison between ranks of a node.
std::string affinity_mask();

}  // namespace trireme
