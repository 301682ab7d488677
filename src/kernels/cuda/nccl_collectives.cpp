// CollectiveFunctions over NCCL.
#include <nccl.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>

#include "kernels/cuda/context.h"
#include "kernels/cuda/last_error.h"
#include "kernels/cuda/nccl_group.h"

namespace trireme::cu {
namespace {

static_assert(sizeof(ncclUniqueId) == sizeof(CollectiveId));

cudaStream_t native(Stream* s) { return reinterpret_cast<cudaStream_t>(s); }

ncclDataType_t native(CollectiveType type) {
  switch (type) {
    case CollectiveType::f32:
      return ncclFloat32;
    case CollectiveType::f64:
      return ncclFloat64;
    case CollectiveType::f16:
      return ncclFloat16;
    case CollectiveType::bf16:
      return ncclBfloat16;
  }
  return ncclNumTypes;  // NCCL refuses it
}

// Values that the user has set stay. Connections are made while joining, which has a deadline, and
// not by a step's first collective, on which the host would wait.
//
// NCCL refuses two ranks with one device on one host. With host ids of their own it takes them for
// two hosts, whose ranks talk over sockets.
void set_environment(const Membership& me) noexcept {
  (void)setenv("NCCL_RUNTIME_CONNECT", "0", 0);
  if (!me.shared_device) return;
  char host[32];
  (void)std::snprintf(host, sizeof host, "trireme-rank-%d", me.rank);
  (void)setenv("NCCL_HOSTID", host, 0);
  (void)setenv("NCCL_NET", "Socket", 0);
  (void)setenv("NCCL_IB_DISABLE", "1", 0);
  (void)setenv("NCCL_MNNVL_ENABLE", "0", 0);
  if (me.one_host) (void)setenv("NCCL_SOCKET_IFNAME", "lo", 0);
}

DeviceStatus make_id(DeviceContext*, const Membership* me, CollectiveId* out) noexcept {
  set_environment(*me);
  ncclUniqueId id;
  const ncclResult_t rc = ncclGetUniqueId(&id);
  if (rc != ncclSuccess) {
    keep_error("ncclGetUniqueId", ncclGetErrorString(rc));
    return DeviceStatus::failed;
  }
  std::memcpy(out->bytes, &id, sizeof id);
  return DeviceStatus::ok;
}

// Runs `call`, which returns a DeviceStatus and may throw for want of memory or threads.
template <class Call>
DeviceStatus guarded(const char* name, Call&& call) noexcept {
  try {
    return call();
  } catch (const std::exception& e) {
    keep_error(name, e.what());
    return DeviceStatus::failed;
  }
}

DeviceStatus join(DeviceContext* context, const Membership* me, const CollectiveId* id,
                  CollectiveGroup** out) noexcept {
  *out = nullptr;
  set_environment(*me);
  const DeviceStatus status = status_of(cudaSetDevice(context->ordinal), "cudaSetDevice");
  if (status != DeviceStatus::ok) return status;
  return guarded("joining", [&] {
    ncclUniqueId native_id;
    std::memcpy(&native_id, id->bytes, sizeof native_id);
    auto group = std::make_unique<CollectiveGroup>(context);
    group->join(*me, native_id);
    *out = group.release();
    return DeviceStatus::ok;
  });
}

DeviceStatus poll(CollectiveGroup* g) noexcept { return g->poll(); }

DeviceStatus all_reduce(CollectiveGroup* g, void* data, size_t count, CollectiveType type,
                        Stream* stream) noexcept {
  return g->use("ncclAllReduce", [&](ncclComm_t c) {
    return ncclAllReduce(data, data, count, native(type), ncclSum, c, native(stream));
  });
}

DeviceStatus reduce_scatter(CollectiveGroup* g, const void* from, void* to, size_t each,
                            CollectiveType type, Stream* stream) noexcept {
  return g->use("ncclReduceScatter", [&](ncclComm_t c) {
    return ncclReduceScatter(from, to, each, native(type), ncclSum, c, native(stream));
  });
}

DeviceStatus all_gather(CollectiveGroup* g, const void* from, void* to, size_t each,
                        CollectiveType type, Stream* stream) noexcept {
  return g->use("ncclAllGather", [&](ncclComm_t c) {
    return ncclAllGather(from, to, each, native(type), c, native(stream));
  });
}

DeviceStatus broadcast(CollectiveGroup* g, void* data, size_t count, CollectiveType type,
                       int32_t root, Stream* stream) noexcept {
  return g->use("ncclBroadcast", [&](ncclComm_t c) {
    return ncclBroadcast(data, data, count, native(type), root, c, native(stream));
  });
}

DeviceStatus begin_batch(CollectiveGroup* g) noexcept {
  return g->use("ncclGroupStart", [](ncclComm_t) { return ncclGroupStart(); });
}

DeviceStatus end_batch(CollectiveGroup* g) noexcept {
  return g->use("ncclGroupEnd", [](ncclComm_t) { return ncclGroupEnd(); });
}

DeviceStatus register_memory(CollectiveGroup* g, void* data, size_t bytes,
                             RegisteredMemory** out) noexcept {
  *out = nullptr;
  return g->use("ncclCommRegister", [&](ncclComm_t c) {
    void* handle = nullptr;
    const ncclResult_t rc = ncclCommRegister(c, data, bytes, &handle);
    *out = static_cast<RegisteredMemory*>(handle);
    return rc;
  });
}

DeviceStatus deregister_memory(CollectiveGroup* g, RegisteredMemory* memory) noexcept {
  if (!memory) return DeviceStatus::ok;
  return g->use("ncclCommDeregister", [&](ncclComm_t c) { return ncclCommDeregister(c, memory); });
}

DeviceStatus close(CollectiveGroup* g) noexcept {
  return guarded("closing", [&] { return g->close(); });
}

void abort(CollectiveGroup* g) noexcept { g->abort(); }

void release(CollectiveGroup* g) noexcept {
  if (!g) return;
  g->abort();
  delete g;
}

constexpr CollectiveFunctions kFunctions{.last_error = last_error,
                                         .make_id = make_id,
                                         .join = join,
                                         .poll = poll,
                                         .all_reduce = all_reduce,
                                         .reduce_scatter = reduce_scatter,
                                         .all_gather = all_gather,
                                         .broadcast = broadcast,
                                         .begin_batch = begin_batch,
                                         .end_batch = end_batch,
                                         .register_memory = register_memory,
                                         .deregister_memory = deregister_memory,
                                         .close = close,
                                         .abort = abort,
                                         .release = release};

}  // namespace

const CollectiveFunctions& collective_functions() noexcept { return kFunctions; }

}  // namespace trireme::cu
