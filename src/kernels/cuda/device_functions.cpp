// DeviceFunctions over the CUDA runtime. Handles of the contract are CUDA's own: Stream* is a
// cudaStream_t, Event* a cudaEvent_t, StepGraph* a cudaGraphExec_t.
#include <cuda_runtime_api.h>

#include <cstring>

#include "kernels/cuda/context.h"
#include "kernels/cuda/last_error.h"

namespace trireme::cu {
namespace {

cudaStream_t native(Stream* s) { return reinterpret_cast<cudaStream_t>(s); }
cudaEvent_t native(Event* e) { return reinterpret_cast<cudaEvent_t>(e); }
cudaGraphExec_t native(StepGraph* g) { return reinterpret_cast<cudaGraphExec_t>(g); }

// Runs `call` with the context's device current in this thread: any thread may come.
template <class Call>
DeviceStatus on_device(DeviceContext* context, const char* name, Call&& call) noexcept {
  const cudaError_t rc = cudaSetDevice(context->ordinal);
  return rc == cudaSuccess ? status_of(call(), name) : status_of(rc, "cudaSetDevice");
}

DeviceStatus make_current(DeviceContext* c) noexcept {
  return status_of(cudaSetDevice(c->ordinal), "cudaSetDevice");
}

DeviceStatus memory_state(DeviceContext* c, size_t* free, size_t* total) noexcept {
  return on_device(c, "cudaMemGetInfo", [&] { return cudaMemGetInfo(free, total); });
}

// The fill is waited for: streams of the program do not wait for the default stream.
cudaError_t zeroed_device_memory(size_t bytes, void** out) noexcept {
  cudaError_t rc = cudaMalloc(out, bytes);
  if (rc != cudaSuccess) return rc;
  rc = cudaMemset(*out, 0, bytes);
  if (rc == cudaSuccess) rc = cudaStreamSynchronize(nullptr);
  if (rc != cudaSuccess) {
    (void)cudaFree(*out);
    *out = nullptr;
  }
  return rc;
}

cudaError_t zeroed_pinned_memory(size_t bytes, void** out) noexcept {
  const cudaError_t rc = cudaHostAlloc(out, bytes, cudaHostAllocPortable);
  if (rc == cudaSuccess) std::memset(*out, 0, bytes);
  return rc;
}

DeviceStatus allocate(DeviceContext* c, Memory kind, size_t bytes, void** out) noexcept {
  *out = nullptr;
  return kind == Memory::device
             ? on_device(c, "cudaMalloc", [&] { return zeroed_device_memory(bytes, out); })
             : on_device(c, "cudaHostAlloc", [&] { return zeroed_pinned_memory(bytes, out); });
}

DeviceStatus release(DeviceContext* c, Memory kind, void* p) noexcept {
  return kind == Memory::device ? on_device(c, "cudaFree", [&] { return cudaFree(p); })
                                : on_device(c, "cudaFreeHost", [&] { return cudaFreeHost(p); });
}

DeviceStatus make_stream(DeviceContext* c, StreamPriority priority, Stream** out) noexcept {
  *out = nullptr;
  return on_device(c, "cudaStreamCreateWithPriority", [&] {
    int least = 0, greatest = 0;  // the greatest priority is the smallest number
    cudaError_t rc = cudaDeviceGetStreamPriorityRange(&least, &greatest);
    if (rc != cudaSuccess) return rc;
    cudaStream_t stream = nullptr;
    rc = cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking,
                                      priority == StreamPriority::high ? greatest : least);
    *out = reinterpret_cast<Stream*>(stream);
    return rc;
  });
}

DeviceStatus destroy_stream(DeviceContext* c, Stream* s) noexcept {
  if (!s) return DeviceStatus::ok;
  return on_device(c, "cudaStreamDestroy", [&] { return cudaStreamDestroy(native(s)); });
}

DeviceStatus synchronise_stream(DeviceContext* c, Stream* s) noexcept {
  return on_device(c, "cudaStreamSynchronize", [&] { return cudaStreamSynchronize(native(s)); });
}

DeviceStatus synchronise(DeviceContext* c) noexcept {
  return on_device(c, "cudaDeviceSynchronize", [&] { return cudaDeviceSynchronize(); });
}

DeviceStatus make_event(DeviceContext* c, bool timed, Event** out) noexcept {
  *out = nullptr;
  return on_device(c, "cudaEventCreateWithFlags", [&] {
    cudaEvent_t event = nullptr;
    const cudaError_t rc =
        cudaEventCreateWithFlags(&event, timed ? cudaEventDefault : cudaEventDisableTiming);
    *out = reinterpret_cast<Event*>(event);
    return rc;
  });
}

DeviceStatus destroy_event(DeviceContext* c, Event* e) noexcept {
  if (!e) return DeviceStatus::ok;
  return on_device(c, "cudaEventDestroy", [&] { return cudaEventDestroy(native(e)); });
}

DeviceStatus record(DeviceContext* c, Event* e, Stream* s) noexcept {
  return on_device(c, "cudaEventRecord", [&] { return cudaEventRecord(native(e), native(s)); });
}

DeviceStatus wait(DeviceContext* c, Stream* s, Event* e) noexcept {
  return on_device(c, "cudaStreamWaitEvent",
                   [&] { return cudaStreamWaitEvent(native(s), native(e), 0); });
}

DeviceStatus query_event(DeviceContext* c, Event* e) noexcept {
  return on_device(c, "cudaEventQuery", [&] { return cudaEventQuery(native(e)); });
}

DeviceStatus synchronise_event(DeviceContext* c, Event* e) noexcept {
  return on_device(c, "cudaEventSynchronize", [&] { return cudaEventSynchronize(native(e)); });
}

DeviceStatus elapsed(DeviceContext* c, Event* from, Event* to, float* milliseconds) noexcept {
  return on_device(c, "cudaEventElapsedTime",
                   [&] { return cudaEventElapsedTime(milliseconds, native(from), native(to)); });
}

DeviceStatus copy(DeviceContext* c, void* to, const void* from, size_t bytes, Stream* s) noexcept {
  if (bytes == 0) return DeviceStatus::ok;
  return on_device(c, "cudaMemcpyAsync",
                   [&] { return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, native(s)); });
}

DeviceStatus set_bytes(DeviceContext* c, void* to, uint8_t value, size_t bytes,
                       Stream* s) noexcept {
  if (bytes == 0) return DeviceStatus::ok;
  return on_device(c, "cudaMemsetAsync",
                   [&] { return cudaMemsetAsync(to, value, bytes, native(s)); });
}

// Thread-local: other threads (a checkpoint being copied) may go on calling CUDA.
DeviceStatus begin_capture(DeviceContext* c, Stream* s) noexcept {
  return on_device(c, "cudaStreamBeginCapture", [&] {
    return cudaStreamBeginCapture(native(s), cudaStreamCaptureModeThreadLocal);
  });
}

// The graph is uploaded, so that its first launch costs what the others cost.
DeviceStatus end_capture(DeviceContext* c, Stream* s, StepGraph** out) noexcept {
  *out = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t step = nullptr;
  DeviceStatus status =
      on_device(c, "cudaStreamEndCapture", [&] { return cudaStreamEndCapture(native(s), &graph); });
  if (status != DeviceStatus::ok) return status;
  status = status_of(cudaGraphInstantiate(&step, graph, 0), "cudaGraphInstantiate");
  (void)cudaGraphDestroy(graph);
  if (status != DeviceStatus::ok) return status;
  status = status_of(cudaGraphUpload(step, native(s)), "cudaGraphUpload");
  if (status == DeviceStatus::ok)
    *out = reinterpret_cast<StepGraph*>(step);
  else
    (void)cudaGraphExecDestroy(step);
  return status;
}

DeviceStatus launch_graph(DeviceContext* c, StepGraph* g, Stream* s) noexcept {
  return on_device(c, "cudaGraphLaunch", [&] { return cudaGraphLaunch(native(g), native(s)); });
}

DeviceStatus destroy_graph(DeviceContext* c, StepGraph* g) noexcept {
  if (!g) return DeviceStatus::ok;
  return on_device(c, "cudaGraphExecDestroy", [&] { return cudaGraphExecDestroy(native(g)); });
}

constexpr DeviceFunctions kFunctions{.last_error = last_error,
                                     .make_current = make_current,
                                     .memory_state = memory_state,
                                     .allocate = allocate,
                                     .release = release,
                                     .make_stream = make_stream,
                                     .destroy_stream = destroy_stream,
                                     .synchronise_stream = synchronise_stream,
                                     .synchronise = synchronise,
                                     .make_event = make_event,
                                     .destroy_event = destroy_event,
                                     .record = record,
                                     .wait = wait,
                                     .query_event = query_event,
                                     .synchronise_event = synchronise_event,
                                     .elapsed = elapsed,
                                     .copy = copy,
                                     .set_bytes = set_bytes,
                                     .begin_capture = begin_capture,
                                     .end_capture = end_capture,
                                     .launch_graph = launch_graph,
                                     .destroy_graph = destroy_graph,
                                     .close = close};

}  // namespace

const DeviceFunctions& device_functions() noexcept { return kFunctions; }

}  // namespace trireme::cu
