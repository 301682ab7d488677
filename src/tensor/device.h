#pragma once
// A device as the program sees it, and owners for what it gives. One Device a rank; it outlives all
// that was made with it. CPU, CUDA and test doubles differ in their DeviceFunctions only.
//
// Everything that fails throws DeviceError: the call, file:line of the caller, and the reason that
// the device gives.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "tensor/collective_functions.h"
#include "tensor/device_functions.h"

namespace trireme {

struct KernelTable;  // kernels/kernel_table.h

// How a device works together with those of other ranks.
struct DeviceLinks {
  const CollectiveFunctions* collectives = nullptr;  // null: it does not
  std::string bus_id;  // "0000:3b:00.0": what tells devices of a host apart; "": there is none
};

struct Where {  // call site, taken as a default argument
  const char* file;
  int line;
  static constexpr Where current(const char* f = __builtin_FILE(), int l = __builtin_LINE()) {
    return {f, l};
  }
};

// Owns one handle of a DeviceFunctions table; move-only. Null on devices that have no such thing.
template <class Handle, auto Destroy>
class DeviceHandle {
 public:
  DeviceHandle() = default;
  DeviceHandle(const DeviceFunctions& functions, DeviceContext* context, Handle* handle) noexcept
      : functions_(&functions), context_(context), handle_(handle) {}
  DeviceHandle(DeviceHandle&& other) noexcept
      : functions_(other.functions_),
        context_(other.context_),
        handle_(std::exchange(other.handle_, nullptr)) {}
  DeviceHandle& operator=(DeviceHandle other) noexcept {
    std::swap(functions_, other.functions_);
    std::swap(context_, other.context_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~DeviceHandle() {
    if (handle_) (void)(functions_->*Destroy)(context_, handle_);
  }
  Handle* get() const noexcept { return handle_; }

 private:
  const DeviceFunctions* functions_ = nullptr;
  DeviceContext* context_ = nullptr;
  Handle* handle_ = nullptr;
};
using DeviceStream = DeviceHandle<Stream, &DeviceFunctions::destroy_stream>;
using DeviceEvent = DeviceHandle<Event, &DeviceFunctions::destroy_event>;
using DeviceGraph = DeviceHandle<StepGraph, &DeviceFunctions::destroy_graph>;

// Owns zeroed memory of a device, or pinned host memory; move-only.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(const DeviceFunctions& functions, DeviceContext* context, Memory kind, void* data,
               size_t size) noexcept
      : functions_(&functions), context_(context), kind_(kind), data_(data), size_(size) {}
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : functions_(other.functions_),
        context_(other.context_),
        kind_(other.kind_),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer other) noexcept {
    std::swap(functions_, other.functions_);
    std::swap(context_, other.context_);
    std::swap(kind_, other.kind_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~DeviceBuffer() {
    if (data_) (void)functions_->release(context_, kind_, data_);
  }
  std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
  float* floats() const noexcept { return static_cast<float*>(data_); }
  size_t size() const noexcept { return size_; }
  Memory kind() const noexcept { return kind_; }

 private:
  const DeviceFunctions* functions_ = nullptr;
  DeviceContext* context_ = nullptr;
  Memory kind_ = Memory::device;
  void* data_ = nullptr;
  size_t size_ = 0;
};

class Device {
 public:
  // Takes over `context`. name: for messages, as "cpu" or "cuda 0 (NVIDIA H200)".
  Device(const DeviceFunctions& functions, DeviceContext* context, const KernelTable& kernels,
         std::string name, DeviceLinks links = {});
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device();

  const KernelTable& kernels() const noexcept { return kernels_; }
  const std::string& name() const noexcept { return name_; }
  const DeviceLinks& links() const noexcept { return links_; }
  DeviceContext* context() const noexcept { return context_; }  // for entries of links()
  // True when kernels read and write host memory: nothing needs to be copied to the device.
  bool is_host() const noexcept { return context_ == nullptr; }
  // Why the calling thread's last failed call failed: of kernels too, which return a Status only.
  const char* last_error() const noexcept { return f_.last_error(); }
  void make_current(Where = Where::current()) const;  // once in each thread that launches kernels

  // what: for the message that it did not fit, as "the arena". 0 bytes: an empty buffer.
  DeviceBuffer allocate(size_t bytes, Memory kind, std::string_view what,
                        Where = Where::current()) const;
  struct MemoryState {
    size_t free, total;
  };
  MemoryState memory(Where = Where::current()) const;

  DeviceStream stream(StreamPriority priority = StreamPriority::normal,
                      Where = Where::current()) const;
  void synchronise(const DeviceStream&, Where = Where::current()) const;
  void synchronise(Where = Where::current()) const;

  enum class Timed : bool { no, yes };
  DeviceEvent event(Timed timed = Timed::no, Where = Where::current()) const;
  void record(const DeviceEvent&, const DeviceStream&, Where = Where::current()) const;
  void wait(const DeviceStream&, const DeviceEvent&, Where = Where::current()) const;
  bool happened(const DeviceEvent&, Where = Where::current()) const;
  void synchronise(const DeviceEvent&, Where = Where::current()) const;
  float milliseconds(const DeviceEvent& from, const DeviceEvent& to,
                     Where = Where::current()) const;

  void copy(void* to, const void* from, size_t bytes, const DeviceStream&,
            Where = Where::current()) const;
  void set_bytes(void* to, uint8_t value, size_t bytes, const DeviceStream&,
                 Where = Where::current()) const;

  // capture(stream, body): what body puts on the stream, as a graph; nothing of it runs. When body
  // throws, the capture is ended and its exception goes on.
  template <class Body>
  DeviceGraph capture(const DeviceStream& stream, Body&& body, Where w = Where::current()) const {
    begin_capture(stream, w);
    CaptureEnd end{*this, stream};
    std::forward<Body>(body)();
    return end.take(w);
  }
  void launch(const DeviceGraph&, const DeviceStream&, Where = Where::current()) const;

 private:
  struct CaptureEnd {
    const Device& device;
    const DeviceStream& stream;
    bool open = true;
    DeviceGraph take(Where w);
    ~CaptureEnd();
  };
  void begin_capture(const DeviceStream&, Where) const;
  void check(DeviceStatus status, const char* what, Where w) const;

  const DeviceFunctions& f_;
  DeviceContext* context_;
  const KernelTable& kernels_;
  std::string name_;
  DeviceLinks links_;
};

// Zeroed host memory that `device` copies from while it computes; null: plain host memory.
DeviceBuffer host_memory(const Device* device, size_t bytes, std::string_view what,
                         Where = Where::current());

}  // namespace trireme
