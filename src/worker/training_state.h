#pragma once
// What training changes: weights, moments, averages, running statistics. Where it lives is the
// implementation's matter (memory shared by a node's ranks, a device); here it is seen from the
// host, between steps, from the step thread.

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "checkpoint/state.h"

namespace trireme {

class TrainingState {
 public:
  virtual ~TrainingState() = default;
  // Flat values in ParamTable order, the same on every rank. Every rank must call.
  virtual void initialise(const float* params, const float* state) = 0;
  // Fills the state from logical tensors; `read` returns false for a tensor it lacks (initial value
  // stays); of an empty span it only says whether it has the tensor. Every rank must call.
  using TensorReader = std::function<bool(const TensorMeta&, std::span<std::byte>)>;
  virtual void restore(const TensorReader& read) = 0;

  // Flat, host memory, as of the last finished step; until the next one.
  virtual const float* params() const = 0;
  // The moving average; params() when there is none.
  virtual const float* averaged_params() const = 0;
  virtual const float* state() const = 0;  // running statistics
  // This rank speaks for a copy of the state: the first of each node, or of each device.
  virtual bool owns_state() const = 0;

  // The whole state as of now, for the checkpoint's writer: its thread takes the copy (capture())
  // while steps go on; what changes the state next waits for that. One at a time. Every rank must
  // call; null where it does not write.
  virtual std::unique_ptr<StateSource> snapshot(bool writes) = 0;

  // Wakes whoever waits for this rank with a CommError that names it and says why. From any thread.
  virtual void fail(std::string_view why) noexcept = 0;
};

}  // namespace trireme
