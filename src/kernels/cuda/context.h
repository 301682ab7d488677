#pragma once
// The opened device of this process and the libraries' handles on it. Kernel tables have no
// argument for a device, so that plans find it through opened().

#include <cublasLt.h>
#include <cudnn.h>

#include <memory>
#include <mutex>

#include "kernels/cuda/conv_plans.h"
#include "kernels/cuda/plan_store.h"
#include "kernels/cuda/unique_handle.h"
#include "kernels/cuda_contract.h"

namespace trireme {

struct DeviceContext {
  int ordinal;
  bool reproducible;
  Precision precision;
  char level[16];  // "sm_90"
  KernelTable kernels;
  cu::UniqueHandle<cublasLtHandle_t, cublasLtDestroy> cublas;
  cu::UniqueHandle<cudnnHandle_t, cudnnDestroy> cudnn;
  std::mutex cudnn_mutex;  // the handle has one stream at a time: held from setting it to the call
  std::unique_ptr<cu::PlanStore> store;
  std::unique_ptr<cu::ConvPlans> convolutions;  // go before the handle
};

namespace cu {

// Null before open() and after close().
DeviceContext* opened() noexcept;
Status open(const CudaOpenOptions*, CudaOpened* out) noexcept;
void close(DeviceContext*) noexcept;

const DeviceFunctions& device_functions() noexcept;
const CollectiveFunctions& collective_functions() noexcept;

}  // namespace cu
}  // namespace trireme
