#include "cuda/fake_nccl.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <algorithm>
#include <chrono>

struct ncclComm {};

namespace trireme {

FakeNccl& fake_nccl() {
  static FakeNccl fake;
  return fake;
}

void FakeNccl::reset() {
  const std::lock_guard lock(mutex_);
  calls_.clear();
  results_.clear();
  held_.clear();
  asynchronous_ = ncclSuccess;
}

void FakeNccl::fail(const std::string& function, ncclResult_t result) {
  const std::lock_guard lock(mutex_);
  results_[function] = result;
}

void FakeNccl::hold(const std::string& function) {
  const std::lock_guard lock(mutex_);
  held_.insert(function);
}

void FakeNccl::let_go() {
  const std::lock_guard lock(mutex_);
  held_.clear();
  changed_.notify_all();
}

void FakeNccl::set_asynchronous_error(ncclResult_t error) {
  const std::lock_guard lock(mutex_);
  asynchronous_ = error;
}

ncclResult_t FakeNccl::asynchronous_error() {
  const std::lock_guard lock(mutex_);
  return asynchronous_;
}

std::vector<std::string> FakeNccl::calls() {
  const std::lock_guard lock(mutex_);
  return calls_;
}

bool FakeNccl::called_soon(const std::string& function) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
    return std::find(calls_.begin(), calls_.end(), function) != calls_.end();
  });
}

ncclResult_t FakeNccl::call(const char* function) {
  std::unique_lock lock(mutex_);
  calls_.emplace_back(function);
  changed_.notify_all();
  changed_.wait(lock, [&] { return !held_.contains(function); });
  const auto result = results_.find(function);
  return result == results_.end() ? ncclSuccess : result->second;
}

}  // namespace trireme

using trireme::fake_nccl;

extern "C" {
const char* ncclGetErrorString(ncclResult_t) { return "an error"; }
const char* ncclGetLastError(ncclComm_t) { return "its details"; }
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  *id = {};
  return fake_nccl().call("ncclGetUniqueId");
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t* out, int, ncclUniqueId, int, ncclConfig_t*) {
  static ncclComm communicator;
  *out = &communicator;
  return fake_nccl().call("ncclCommInitRankConfig");
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* out) {
  *out = fake_nccl().asynchronous_error();
  return ncclSuccess;
}
ncclResult_t ncclCommFinalize(ncclComm_t) { return fake_nccl().call("ncclCommFinalize"); }
ncclResult_t ncclCommDestroy(ncclComm_t) { return fake_nccl().call("ncclCommDestroy"); }
ncclResult_t ncclCommAbort(ncclComm_t) { return fake_nccl().call("ncclCommAbort"); }
ncclResult_t ncclGroupStart() { return fake_nccl().call("ncclGroupStart"); }
ncclResult_t ncclGroupEnd() { return fake_nccl().call("ncclGroupEnd"); }
ncclResult_t ncclAllReduce(const void*, void*, size_t, ncclDataType_t type, ncclRedOp_t operation,
                           ncclComm_t, cudaStream_t) {
  fake_nccl().summed = type;
  fake_nccl().operation = operation;
  return fake_nccl().call("ncclAllReduce");
}
ncclResult_t ncclReduceScatter(const void*, void*, size_t, ncclDataType_t, ncclRedOp_t, ncclComm_t,
                               cudaStream_t) {
  return fake_nccl().call("ncclReduceScatter");
}
ncclResult_t ncclAllGather(const void*, void*, size_t, ncclDataType_t, ncclComm_t, cudaStream_t) {
  return fake_nccl().call("ncclAllGather");
}
ncclResult_t ncclBroadcast(const void*, void*, size_t, ncclDataType_t, int, ncclComm_t,
                           cudaStream_t) {
  return fake_nccl().call("ncclBroadcast");
}
ncclResult_t ncclCommRegister(const ncclComm_t, void* data, size_t, void** handle) {
  *handle = data;
  return fake_nccl().call("ncclCommRegister");
}
ncclResult_t ncclCommDeregister(const ncclComm_t, void*) {
  return fake_nccl().call("ncclCommDeregister");
}

cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "cudaError"; }
const char* cudaGetErrorString(cudaError_t) { return "an error of CUDA"; }

// A DeviceContext owns handles of these; the tests leave them empty.
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; }
cudnnStatus_t cudnnDestroy(cudnnHandle_t) { return CUDNN_STATUS_SUCCESS; }
}
