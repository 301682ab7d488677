#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/memory.h"
#include "tensor/buffer.h"
#include "tensor/device_functions.h"

namespace trireme {
namespace {

using Context = DeviceContext*;
constexpr auto kOk = DeviceStatus::ok;

const char* last_error() noexcept { return "the CPU cannot do this"; }

DeviceStatus memory_state(Context, size_t* free, size_t* total) noexcept {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  *free = static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES)) * page;
  *total = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * page;
  return kOk;
}

DeviceStatus allocate(Context, Memory, size_t bytes, void** out) noexcept {
  *out = zeroed_memory(bytes, kAlignment);
  return *out ? kOk : DeviceStatus::out_of_memory;
}

DeviceStatus release(Context, Memory, void* p) noexcept {
  std::free(p);
  return kOk;
}

DeviceStatus make_stream(Context, StreamPriority, Stream** out) noexcept {
  *out = nullptr;
  return kOk;
}

DeviceStatus make_event(Context, bool, Event** out) noexcept {
  *out = nullptr;
  return kOk;
}

DeviceStatus elapsed(Context, Event*, Event*, float*) noexcept { return DeviceStatus::unsupported; }

DeviceStatus copy(Context, void* to, const void* from, size_t bytes, Stream*) noexcept {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return kOk;
}

DeviceStatus set_bytes(Context, void* to, uint8_t value, size_t bytes, Stream*) noexcept {
  if (bytes > 0) std::memset(to, value, bytes);
  return kOk;
}

// What is already done when it is asked for, and what this kind of device lacks.
template <class... Arguments>
DeviceStatus nothing(Context, Arguments...) noexcept {
  return kOk;
}
template <class... Arguments>
DeviceStatus lacking(Context, Arguments...) noexcept {
  return DeviceStatus::unsupported;
}

constexpr DeviceFunctions kHost{.last_error = last_error,
                                .make_current = nothing,
                                .memory_state = memory_state,
                                .allocate = allocate,
                                .release = release,
                                .make_stream = make_stream,
                                .destroy_stream = nothing,
                                .synchronise_stream = nothing,
                                .synchronise = nothing,
                                .make_event = make_event,
                                .destroy_event = nothing,
                                .record = nothing,
                                .wait = nothing,
                                .query_event = nothing,
                                .synchronise_event = nothing,
                                .elapsed = elapsed,
                                .copy = copy,
                                .set_bytes = set_bytes,
                                .begin_capture = lacking,
                                .end_capture = lacking,
                                .launch_graph = lacking,
                                .destroy_graph = nothing,
                                .close = [](Context) noexcept {}};

}  // namespace

const DeviceFunctions& host_functions() noexcept { return kHost; }

}  // namespace trireme
