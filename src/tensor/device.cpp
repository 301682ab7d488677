#include "tensor/device.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

std::string at(Where w) { return fmt::format("{}:{}", w.file, w.line); }

std::string in_words(size_t bytes) { return human_bytes(static_cast<double>(bytes)); }

const char* keys_to_lower(Memory kind) {
  return kind == Memory::device
             ? "lower train.batch_size or train.eval_batch_size, or use more ranks: each takes its "
               "share of the batch; `trireme devices` shows what else holds the memory"
             : "lower data.prefetch_batches or train.batch_size, or allow more locked memory "
               "(ulimit -l)";
}

}  // namespace

Device::Device(const DeviceFunctions& functions, DeviceContext* context, const KernelTable& kernels,
               std::string name, DeviceLinks links)
    : f_(functions),
      context_(context),
      kernels_(kernels),
      name_(std::move(name)),
      links_(std::move(links)) {}

Device::~Device() { f_.close(context_); }

void Device::check(DeviceStatus status, const char* what, Where w) const {
  if (status == DeviceStatus::ok) return;
  throw DeviceError(fmt::format("{}: {} failed at {}: {}", name_, what, at(w), f_.last_error()));
}

void Device::make_current(Where w) const {
  check(f_.make_current(context_), "making the device current", w);
}

DeviceBuffer Device::allocate(size_t bytes, Memory kind, std::string_view what, Where w) const {
  void* data = nullptr;
  if (bytes == 0) return {};
  const DeviceStatus status = f_.allocate(context_, kind, bytes, &data);
  if (status == DeviceStatus::out_of_memory) {
    const std::string error = f_.last_error();
    MemoryState now{};
    const bool known = f_.memory_state(context_, &now.free, &now.total) == DeviceStatus::ok;
    throw DeviceError(fmt::format("{}: {} does not fit: {} bytes ({}) of {} memory wanted at {}{}",
                                  name_, what, bytes, in_words(bytes),
                                  kind == Memory::device ? "device" : "pinned host", at(w),
                                  known && (kind == Memory::device || is_host())
                                      ? fmt::format(", {} bytes ({}) free of {}", now.free,
                                                    in_words(now.free), in_words(now.total))
                                      : ": " + error),
                      keys_to_lower(kind));
  }
  check(status, "allocating memory", w);
  return {f_, context_, kind, data, bytes};
}

Device::MemoryState Device::memory(Where w) const {
  MemoryState state{};
  check(f_.memory_state(context_, &state.free, &state.total), "asking for free memory", w);
  return state;
}

DeviceStream Device::stream(StreamPriority priority, Where w) const {
  Stream* stream = nullptr;
  check(f_.make_stream(context_, priority, &stream), "making a stream", w);
  return {f_, context_, stream};
}

void Device::synchronise(const DeviceStream& stream, Where w) const {
  check(f_.synchronise_stream(context_, stream.get()), "waiting for a stream", w);
}

void Device::synchronise(Where w) const {
  check(f_.synchronise(context_), "waiting for the device", w);
}

DeviceEvent Device::event(Timed timed, Where w) const {
  Event* event = nullptr;
  check(f_.make_event(context_, timed == Timed::yes, &event), "making an event", w);
  return {f_, context_, event};
}

void Device::record(const DeviceEvent& event, const DeviceStream& stream, Where w) const {
  check(f_.record(context_, event.get(), stream.get()), "recording an event", w);
}

void Device::wait(const DeviceStream& stream, const DeviceEvent& event, Where w) const {
  check(f_.wait(context_, stream.get(), event.get()), "ordering a stream behind an event", w);
}

bool Device::happened(const DeviceEvent& event, Where w) const {
  const DeviceStatus status = f_.query_event(context_, event.get());
  if (status == DeviceStatus::not_ready) return false;
  check(status, "asking for an event", w);
  return true;
}

void Device::synchronise(const DeviceEvent& event, Where w) const {
  check(f_.synchronise_event(context_, event.get()), "waiting for an event", w);
}

float Device::milliseconds(const DeviceEvent& from, const DeviceEvent& to, Where w) const {
  float milliseconds = 0;
  check(f_.elapsed(context_, from.get(), to.get(), &milliseconds), "reading a time", w);
  return milliseconds;
}

void Device::copy(void* to, const void* from, size_t bytes, const DeviceStream& stream,
                  Where w) const {
  check(f_.copy(context_, to, from, bytes, stream.get()), "a copy", w);
}

void Device::set_bytes(void* to, uint8_t value, size_t bytes, const DeviceStream& stream,
                       Where w) const {
  check(f_.set_bytes(context_, to, value, bytes, stream.get()), "filling memory", w);
}

void Device::begin_capture(const DeviceStream& stream, Where w) const {
  check(f_.begin_capture(context_, stream.get()), "beginning to capture a step", w);
}

DeviceGraph Device::CaptureEnd::take(Where w) {
  StepGraph* graph = nullptr;
  open = false;
  device.check(device.f_.end_capture(device.context_, stream.get(), &graph), "capturing a step", w);
  return {device.f_, device.context_, graph};
}

Device::CaptureEnd::~CaptureEnd() {
  if (!open) return;
  StepGraph* graph = nullptr;
  (void)device.f_.end_capture(device.context_, stream.get(), &graph);
  (void)device.f_.destroy_graph(device.context_, graph);
}

void Device::launch(const DeviceGraph& graph, const DeviceStream& stream, Where w) const {
  check(f_.launch_graph(context_, graph.get(), stream.get()), "launching a captured step", w);
}

DeviceBuffer host_memory(const Device* device, size_t bytes, std::string_view what, Where w) {
  if (device) return device->allocate(bytes, Memory::pinned, what, w);
  if (bytes == 0) return {};
  void* data = nullptr;
  const DeviceFunctions& host = host_functions();
  if (host.allocate(nullptr, Memory::pinned, bytes, &data) != DeviceStatus::ok)
    throw DeviceError(fmt::format("{} does not fit into memory: {} bytes ({}) wanted at {}", what,
                                  bytes, in_words(bytes), at(w)),
                      keys_to_lower(Memory::pinned));
  return {host, nullptr, Memory::pinned, data, bytes};
}

}  // namespace trireme
