#pragma once
// Memory and clocks for trying a convolution's engines: made when a plan is made, gone after.

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace trireme::cu {

class ConvTiming {
 public:
  // Tensors of these dims, `element` bytes each (the last one 4: the bias); tried on a stream of
  // its own, which `handle` is set to for as long as this lives.
  ConvTiming(const std::vector<std::vector<int64_t>>& dims, size_t element, cudnnHandle_t handle);
  ConvTiming(const ConvTiming&) = delete;
  ConvTiming& operator=(const ConvTiming&) = delete;
  ~ConvTiming();

  // By uid: which of the tensors a uid is, depends on the pass; all are large enough for any.
  std::unordered_map<int64_t, void*> pointers() const { return pointers_; }
  // Of the fastest of a few runs of `run(workspace)`, which says whether it could; 0: it could not.
  template <class Run>
  float milliseconds(size_t workspace, Run&& run) {
    if (!good_ || !grow(workspace) || !run(workspace_)) return 0;  // also loads the code
    float best = 0;
    for (int i = 0; i < kRuns; ++i) {
      if (cudaEventRecord(from_, stream_) != cudaSuccess || !run(workspace_) ||
          cudaEventRecord(to_, stream_) != cudaSuccess || cudaEventSynchronize(to_) != cudaSuccess)
        return 0;
      float time = 0;
      if (cudaEventElapsedTime(&time, from_, to_) != cudaSuccess) return 0;
      best = i == 0 || time < best ? time : best;
    }
    return best;
  }

 private:
  static constexpr int kRuns = 4;
  static constexpr int kUids = 4;
  bool grow(size_t workspace);

  cudnnHandle_t handle_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t from_ = nullptr, to_ = nullptr;
  void* workspace_ = nullptr;
  size_t workspace_bytes_ = 0;
  std::unordered_map<int64_t, void*> pointers_;
  bool good_ = true;
};

}  // namespace trireme::cu
