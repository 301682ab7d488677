#include "kernels/cuda/conv_timing.h"

#include <algorithm>

namespace trireme::cu {

ConvTiming::ConvTiming(const std::vector<std::vector<int64_t>>& dims, size_t element,
                       cudnnHandle_t handle)
    : handle_(handle) {
  size_t largest = 0;
  for (const auto& tensor : dims) {
    size_t bytes = std::max(element, sizeof(float));
    for (const int64_t d : tensor) bytes *= static_cast<size_t>(d);
    largest = std::max(largest, bytes);
  }
  good_ = cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess &&
          cudaEventCreate(&from_) == cudaSuccess && cudaEventCreate(&to_) == cudaSuccess &&
          cudnnSetStream(handle, stream_) == CUDNN_STATUS_SUCCESS;
  for (int64_t uid = 1; good_ && uid <= kUids; ++uid) {
    void* tensor = nullptr;
    good_ = cudaMalloc(&tensor, largest) == cudaSuccess;
    if (!good_) break;
    pointers_[uid] = tensor;
    good_ = cudaMemsetAsync(tensor, 0, largest, stream_) == cudaSuccess;
  }
}

// Another stream is set before every later use of the handle.
ConvTiming::~ConvTiming() {
  if (stream_) (void)cudaStreamSynchronize(stream_);
  (void)cudnnSetStream(handle_, nullptr);
  for (const auto& [uid, tensor] : pointers_) (void)cudaFree(tensor);
  if (workspace_) (void)cudaFree(workspace_);
  if (from_) (void)cudaEventDestroy(from_);
  if (to_) (void)cudaEventDestroy(to_);
  if (stream_) (void)cudaStreamDestroy(stream_);
  (void)cudaGetLastError();  // of a candidate that could not run
}

bool ConvTiming::grow(size_t workspace) {
  if (workspace <= workspace_bytes_) return true;
  if (workspace_) (void)cudaFree(workspace_);
  workspace_ = nullptr;
  workspace_bytes_ = 0;
  if (cudaMalloc(&workspace_, workspace) != cudaSuccess) return false;
  workspace_bytes_ = workspace;
  return true;
}

}  // namespace trireme::cu
