#pragma once
// What program and CUDA plugin agree on: this header, kernel_table.h, kernel_types.h, table_leaf.h,
// and device_functions.h and collective_functions.h of tensor/. Only C types cross; nothing throws
// across. The build id, TRIREME_BUILD_ID where it is needed, is a hash of the five headers.

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "tensor/collective_functions.h"
#include "tensor/device_functions.h"

namespace trireme {

struct CudaDeviceInfo {
  char name[256];        // "NVIDIA H200"
  char bus_id[32];       // "0000:3b:00.0": what tells devices of a node apart
  int32_t major, minor;  // compute capability
  int32_t multiprocessors;
  uint64_t memory_total;  // bytes
  uint64_t memory_free;   // bytes; from probe() only
  int32_t usable;         // 0: `reason` says why not
  char reason[256];
};

// In what convolutions and matrix products are computed, and what Elements are stored in. fp32 is
// fp32: no tensor cores. tf32 stores fp32 and lets the libraries' tensor cores round its operands.
// bf16 and fp16 store Elements in 2 bytes; products are of these, sums are fp32.
enum class Precision : int32_t { fp32, tf32, bf16, fp16 };

constexpr ElementType element_of(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return ElementType::bf16;
    case Precision::fp16:
      return ElementType::f16;
    case Precision::fp32:
    case Precision::tf32:
      break;
  }
  return ElementType::f32;
}

struct CudaOpenOptions {
  int32_t ordinal;
  int32_t reproducible;  // libraries choose among algorithms with run-to-run bits only
  Precision precision;   // of the opened device's kernel table, for as long as it is open
  int32_t tune;          // time what the libraries offer for a convolution when a plan is made
  const char* plans;     // folder that keeps plans from start to start; "": none
  // Takes a line for the log, from the thread that makes a plan; may be null.
  void (*warn)(const char* line) noexcept;
};

struct CudaOpened {
  const KernelTable* kernels;
  const DeviceFunctions* functions;
  const CollectiveFunctions* collectives;
  DeviceContext* context;  // ended by functions->close
  char reason[256];        // when open() failed
};

// Filled by the plugin's one C symbol, `trireme_cuda_plugin`. The program puts its own build id in
// first; a plugin that has another one changes nothing but that word.
struct CudaPluginEntry {
  uint64_t build_id;
  int32_t driver_version, runtime_version;  // 1000 major + 10 minor; driver 0: there is none
  int32_t devices;                          // visible to this process
  char reason[256];                         // why there are none; "" when there are

  // Does not touch the device: memory_free stays 0, and `usable` goes by capability and mode alone.
  Status (*describe)(int32_t ordinal, CudaDeviceInfo* out) noexcept;
  // Also makes a context there (some 0.5 GB of device memory while the process lives), asks for
  // free memory, and sees whether the plugin's code can run.
  Status (*probe)(int32_t ordinal, CudaDeviceInfo* out) noexcept;
  // One device at a time: a second open() fails until the first was closed.
  Status (*open)(const CudaOpenOptions*, CudaOpened* out) noexcept;
};
extern "C" using CudaPluginFunction = void(*)(CudaPluginEntry * out) noexcept;

}  // namespace trireme
