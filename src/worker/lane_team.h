#pragma once
// The lanes of one rank: lane 0 is the caller's thread, the others wait between jobs. Waits spin
// briefly (not at all when there are more lanes than cores), then sleep.

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace trireme {

class LaneTeam {
 public:
  // `prepare` runs once in every lane's thread, the caller's included.
  LaneTeam(int lanes, bool may_spin, const std::function<void()>& prepare);
  ~LaneTeam();
  LaneTeam(const LaneTeam&) = delete;
  LaneTeam& operator=(const LaneTeam&) = delete;
  int lanes() const { return static_cast<int>(threads_.size()) + 1; }
  // Runs job(lane) on every lane; returns when all are done. Rethrows the exception of the lowest
  // lane that threw.
  void run(const std::function<void(int)>& job);

 private:
  void serve(int lane);
  void wait_for(const std::atomic<uint32_t>& word, uint32_t old) const;

  std::vector<std::thread> threads_;
  std::vector<std::exception_ptr> errors_;
  const std::function<void(int)>* job_ = nullptr;
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
