#pragma once
// The weights of a step whose lanes begin while some still travel (Exchange::weights_are_here()): a
// forward pass waits for them right before the first op that reads them. Packed copies, which the
// rank's lanes share, are made in that order, too, by whoever comes first.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "worker/exchange/exchange.h"
#include "worker/program_set.h"

namespace trireme {

class ArrivingWeights {
 public:
  // Borrows both; all programs are compiled.
  ArrivingWeights(Exchange& exchange, ProgramSet& programs, int lanes);
  // Between steps: programs for these numbers of samples will run.
  void begin(std::span<const int64_t> sizes);
  // Of one lane and this step. Throws what Exchange::await_weights() would.
  WeightGate& gate(int lane) { return gates_[static_cast<size_t>(lane)]; }

 private:
  struct Job {  // a packed copy
    const Program* program = nullptr;
    int64_t index = 0, from = 0;  // Program::pack_from()
    std::byte* packed = nullptr;
    std::atomic<int> next{0}, done{0};  // of its parts, one for each lane
  };
  class Gate final : public WeightGate {
   public:
    Gate(ArrivingWeights& all, int lane) : all_(all), lane_(lane) {}
    void begin();
    void need(int64_t from) override;

   private:
    ArrivingWeights& all_;
    const int lane_;
    int64_t have_ = 0;  // all weights from here on
    size_t jobs_ = 0;   // that are done
  };
  void pack(int lane, Job& job);

  Exchange& exchange_;
  const int lanes_;
  std::deque<Job> jobs_;  // in the order of use
  std::deque<Gate> gates_;
};

}  // namespace trireme
