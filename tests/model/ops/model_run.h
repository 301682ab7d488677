#pragma once
// Runs a graph's training program leaf by leaf, as a step does, with everything in plain vectors.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/program.h"

namespace trireme::test {

constexpr float kGradientNoise = 1e6f;  // what gradients hold before a step

class ModelRun {
 public:
  // `samples` in each of `leaves` leaves.
  ModelRun(const Graph& graph, int64_t samples, int leaves = 1, bool weighted = false,
           Mode mode = Mode::training, const KernelTable& kernels = cpu_kernels());

  // Fields of the whole batch, in memory order; ints for labels.
  void set_field(const std::string& name, const std::vector<float>& values);
  void set_field(const std::string& name, const std::vector<int64_t>& values);
  void set_logical(const std::string& slot, const std::vector<float>& values);  // a parameter
  void set_alone(bool alone) { alone_ = alone; }  // of later steps: Workspace::alone
  void set_scalars(const OptimizerScalars* scalars) { scalars_ = scalars; }  // of later steps

  // Of later steps: they pack nothing themselves.
  void set_gate(WeightGate* gate) { gate_ = gate; }
  void pack(int64_t index);  // one of the program's packs()

  // One step: fills sums, gradients (added up over leaves) and the running statistics.
  void step();
  double loss() const;                // sum over losses of weight times sum
  double weight() const;              // of the first loss
  std::vector<float> output() const;  // all leaves, one after another
  std::vector<float> logical_gradient(const std::string& slot) const;
  std::vector<float> logical_state(const std::string& slot) const;

  std::vector<float>& params() { return params_; }
  const std::vector<float>& gradients() const { return gradients_; }
  std::vector<float>& state() { return state_; }
  const Program& program() const { return *program_; }

 private:
  struct Leaf {
    AlignedBuffer arena;
    std::vector<float> gradients;
    std::vector<double> sums;
    std::vector<std::byte*> fields;
    std::vector<SampleKey> keys;
  };
  Workspace workspace(Leaf& leaf, const std::vector<double>& synced);
  void set_bytes(const std::string& name, const void* data, size_t bytes);

  const Graph& graph_;
  std::unique_ptr<const Program> program_;
  int64_t samples_;
  const OptimizerScalars* scalars_ = nullptr;
  bool alone_ = false;
  WeightGate* gate_ = nullptr;
  std::vector<Leaf> leaves_;
  AlignedBuffer packed_;
  std::map<std::string, std::vector<std::byte>> fields_;
  std::vector<float> params_, gradients_, state_;
};

}  // namespace trireme::test
