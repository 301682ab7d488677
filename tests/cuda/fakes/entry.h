#pragma once
// How a stand-in for the CUDA plugin answers: its devices are host memory, half of which is free.

#include <cstdint>
#include <cstdio>

#include "kernels/cuda_contract.h"

namespace trireme::fakes {

// Of compute capability major.0. reason: why the device is not usable; "": it is.
inline CudaDeviceInfo device(const char* name, int32_t bus, int32_t major, uint64_t memory,
                             const char* reason = "") {
  CudaDeviceInfo info{};
  std::snprintf(info.name, sizeof info.name, "%s", name);
  std::snprintf(info.bus_id, sizeof info.bus_id, "0000:%02x:00.0", bus);
  std::snprintf(info.reason, sizeof info.reason, "%s", reason);
  info.major = major;
  info.multiprocessors = 4;
  info.memory_total = memory;
  info.usable = *reason == '\0';
  info.memory_free = info.usable ? memory / 2 : 0;
  return info;
}

// What `trireme_cuda_plugin` has to do. Describe: what device() gives for an ordinal.
template <CudaDeviceInfo (*Describe)(int32_t ordinal)>
void fill_entry(int32_t devices, Status (*open)(const CudaOpenOptions*, CudaOpened*) noexcept,
                CudaPluginEntry* out) noexcept {
  out->driver_version = out->runtime_version = 13000;
  out->devices = devices;
  out->probe = [](int32_t ordinal, CudaDeviceInfo* info) noexcept {
    *info = Describe(ordinal);
    return Status::ok;
  };
  out->describe = [](int32_t ordinal, CudaDeviceInfo* info) noexcept {
    *info = Describe(ordinal);
    info->memory_free = 0;
    return Status::ok;
  };
  out->open = open;
}

}  // namespace trireme::fakes
