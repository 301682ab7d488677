#include "kernels/cuda/nccl_group.h"

#include <cuda_runtime_api.h>

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "kernels/cuda/last_error.h"
#include "kernels/cuda/reason.h"

namespace trireme {
namespace {

using cu::keep_error;
using cu::say;

// How long an abort lets other threads finish their calls, and how long it is waited for itself. It
// stops what runs on the device at once, but then waits for graphs that hold collectives to go.
constexpr int kPatience = 1000, kLongerPatience = 2000;  // ms

// Looks every millisecond until done() or the patience is over.
template <class Mutex, class Done>
void wait_a_little(Mutex& mutex, int milliseconds, Done&& done) {
  for (int i = 0; i < milliseconds; ++i) {
    {
      const std::lock_guard lock(mutex);
      if (done()) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

template <size_t kBytes>
void explain(char (&reason)[kBytes], const char* call, ncclResult_t rc, ncclComm_t communicator) {
  const char* details = ncclGetLastError(communicator);
  say(reason, "%s: %s%s%s", call, ncclGetErrorString(rc), details && *details ? ": " : "",
      details ? details : "");
}

}  // namespace

DeviceStatus CollectiveGroup::outcome(ncclResult_t rc, const char* name,
                                      ncclComm_t communicator) noexcept {
  if (rc == ncclSuccess) return DeviceStatus::ok;
  char reason[kReasonBytes];
  explain(reason, name, rc, communicator);
  keep_error("NCCL", reason);
  return DeviceStatus::failed;
}

void CollectiveGroup::make(Shared& shared, int ordinal, const Membership& me,
                           const ncclUniqueId& id) noexcept {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 1;
  ncclComm_t communicator = nullptr;
  char failure[kReasonBytes] = "";
  (void)cudaSetDevice(ordinal);  // join() has seen that this works
  const ncclResult_t rc = ncclCommInitRankConfig(&communicator, me.size, id, me.rank, &config);
  if (rc != ncclSuccess) explain(failure, "ncclCommInitRankConfig", rc, nullptr);
  bool unwanted = false;
  {
    const std::lock_guard lock(shared.mutex);
    shared.waiting = false;
    unwanted = shared.aborted;
    say(shared.failure, "%s", failure);
    if (!unwanted && rc == ncclSuccess) shared.communicator = communicator;
  }
  if (unwanted && rc == ncclSuccess) (void)ncclCommAbort(communicator);
}

void CollectiveGroup::end(Shared& shared, int ordinal, ncclComm_t communicator) noexcept {
  (void)cudaSetDevice(ordinal);
  char failure[kReasonBytes] = "";
  const ncclResult_t rc = ncclCommFinalize(communicator);
  if (rc != ncclSuccess) explain(failure, "ncclCommFinalize", rc, communicator);
  (void)(rc == ncclSuccess ? ncclCommDestroy(communicator) : ncclCommAbort(communicator));
  const std::lock_guard lock(shared.mutex);
  shared.waiting = false;
  say(shared.failure, "%s", failure);
}

void CollectiveGroup::join(const Membership& me, const ncclUniqueId& id) {
  shared_->waiting = true;
  std::thread([shared = shared_, ordinal = device_->ordinal, me, id] {
    make(*shared, ordinal, me, id);
  }).detach();
}

DeviceStatus CollectiveGroup::close() {
  ncclComm_t communicator = nullptr;
  {
    const std::lock_guard lock(shared_->mutex);
    communicator = std::exchange(shared_->communicator, nullptr);
    shared_->waiting = communicator != nullptr;
  }
  if (!communicator) {
    keep_error("NCCL", "there is no communicator to close");
    return DeviceStatus::failed;
  }
  std::thread([shared = shared_, ordinal = device_->ordinal, communicator] {
    end(*shared, ordinal, communicator);
  }).detach();
  return DeviceStatus::ok;
}

DeviceStatus CollectiveGroup::poll() noexcept {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->aborted || shared_->failure[0] != '\0') {
    keep_error("NCCL", shared_->aborted ? "the group was aborted" : shared_->failure);
    return DeviceStatus::failed;
  }
  if (shared_->waiting) return DeviceStatus::not_ready;
  if (!shared_->communicator) return DeviceStatus::ok;  // closed
  ncclResult_t asynchronous = ncclSuccess;
  const ncclResult_t rc = ncclCommGetAsyncError(shared_->communicator, &asynchronous);
  return outcome(rc == ncclSuccess ? asynchronous : rc, "asynchronous error",
                 shared_->communicator);
}

void CollectiveGroup::destroy(Shared& shared, int ordinal, ncclComm_t communicator) noexcept {
  wait_a_little(shared.mutex, kPatience, [&] { return shared.inside == 0; });
  (void)cudaSetDevice(ordinal);
  (void)ncclCommAbort(communicator);
  const std::lock_guard lock(shared.mutex);
  shared.waiting = false;
}

void CollectiveGroup::abort() noexcept {
  ncclComm_t communicator = nullptr;
  {
    const std::lock_guard lock(shared_->mutex);
    communicator = std::exchange(shared_->communicator, nullptr);
    shared_->aborted = shared_->aborted || communicator || shared_->waiting;
    shared_->waiting = shared_->waiting || communicator;
  }
  if (!communicator) return;
  try {
    std::thread([shared = shared_, ordinal = device_->ordinal, communicator] {
      destroy(*shared, ordinal, communicator);
    }).detach();
  } catch (const std::system_error&) {
    return destroy(*shared_, device_->ordinal, communicator);
  }
  wait_a_little(shared_->mutex, kLongerPatience, [&] { return !shared_->waiting; });
}

ncclComm_t CollectiveGroup::enter(const char* name) noexcept {
  const cudaError_t rc = cudaSetDevice(device_->ordinal);
  if (rc != cudaSuccess) {
    (void)cu::status_of(rc, "cudaSetDevice");
    return nullptr;
  }
  const std::lock_guard lock(shared_->mutex);
  if (shared_->communicator)
    ++shared_->inside;
  else
    keep_error(name, shared_->aborted ? "the group was aborted" : "the group has no communicator");
  return shared_->communicator;
}

void CollectiveGroup::leave() noexcept {
  const std::lock_guard lock(shared_->mutex);
  --shared_->inside;
}

}  // namespace trireme
