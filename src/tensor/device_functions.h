#pragma once
// What a device does besides computing: memory, streams, events, copies, captured steps. A C table,
// so that it can come from a plugin; the CPU fills one too (host_functions()), and tests fill one
// that records. `Device` (tensor/device.h) is how the rest of the program uses it.
//
// Conventions, for every entry:
//   * noexcept; anything but `ok` is explained by last_error() in the same thread.
//   * May be called from any thread; a stream is used by one thread at a time.
//   * Work is asynchronous in the order of its stream. A null stream: the device's default stream.
//   * destroy_* and release take null and do nothing.

#include <cstddef>
#include <cstdint>

namespace trireme {

struct DeviceContext;  // one opened device
struct Stream;         // null on the CPU
struct Event;          // null on the CPU
struct StepGraph;      // a captured, instantiated step

enum class DeviceStatus : int32_t {
  ok = 0,
  not_ready = 1,      // query_event: the work before the event still runs
  out_of_memory = 2,  // allocate: the memory is not there
  unsupported = 3,    // this kind of device cannot do that
  failed = 4
};

enum class Memory : int32_t {
  device = 0,
  pinned = 1  // host memory that the device copies from and to while it computes
};
enum class StreamPriority : int32_t { normal = 0, high = 1 };

struct DeviceFunctions {
  // Text of the calling thread's last failed call; "" when there was none. Valid until its next.
  const char* (*last_error)() noexcept;
  // Once in each thread that launches kernels.
  DeviceStatus (*make_current)(DeviceContext*) noexcept;
  DeviceStatus (*memory_state)(DeviceContext*, size_t* free, size_t* total) noexcept;

  // Zeroed, 256-byte aligned (the CPU: 64). bytes > 0. May wait for the device: not inside a step.
  DeviceStatus (*allocate)(DeviceContext*, Memory, size_t bytes, void** out) noexcept;
  DeviceStatus (*release)(DeviceContext*, Memory, void*) noexcept;

  DeviceStatus (*make_stream)(DeviceContext*, StreamPriority, Stream** out) noexcept;
  DeviceStatus (*destroy_stream)(DeviceContext*, Stream*) noexcept;
  DeviceStatus (*synchronise_stream)(DeviceContext*, Stream*) noexcept;  // the host waits
  DeviceStatus (*synchronise)(DeviceContext*) noexcept;                  // for all streams

  // timed: elapsed() may use it; costs a little more.
  DeviceStatus (*make_event)(DeviceContext*, bool timed, Event** out) noexcept;
  DeviceStatus (*destroy_event)(DeviceContext*, Event*) noexcept;
  DeviceStatus (*record)(DeviceContext*, Event*, Stream*) noexcept;
  DeviceStatus (*wait)(DeviceContext*, Stream*, Event*) noexcept;  // the stream waits, not the host
  DeviceStatus (*query_event)(DeviceContext*, Event*) noexcept;
  DeviceStatus (*synchronise_event)(DeviceContext*, Event*) noexcept;
  // Between two timed events that have happened.
  DeviceStatus (*elapsed)(DeviceContext*, Event* from, Event* to, float* milliseconds) noexcept;

  // Either side may be host or device memory; asynchronous for the host only where that is pinned.
  DeviceStatus (*copy)(DeviceContext*, void* to, const void* from, size_t bytes, Stream*) noexcept;
  DeviceStatus (*set_bytes)(DeviceContext*, void* to, uint8_t value, size_t bytes,
                            Stream*) noexcept;

  // What the calling thread puts on `stream` (and on streams that wait for it) between the two
  // calls is recorded, not run. A failed end_capture leaves no graph.
  DeviceStatus (*begin_capture)(DeviceContext*, Stream*) noexcept;
  DeviceStatus (*end_capture)(DeviceContext*, Stream*, StepGraph** out) noexcept;
  DeviceStatus (*launch_graph)(DeviceContext*, StepGraph*, Stream*) noexcept;
  DeviceStatus (*destroy_graph)(DeviceContext*, StepGraph*) noexcept;

  // Ends the use of the device, after everything made with it was destroyed.
  void (*close)(DeviceContext*) noexcept;
};

// The CPU: memory is host memory, work is done when the call returns, streams and events are null.
// Capturing is unsupported. The context is null.
const DeviceFunctions& host_functions() noexcept;

}  // namespace trireme
