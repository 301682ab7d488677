#pragma once
// A rank's membership of a group, around an NCCL communicator.
//
// The communicator is a blocking one: NCCL starts a thread for every collective of a non-blocking
// one. Making, ending and aborting it wait, for peers or for the device, so that these run in a
// thread of their own, which the caller polls and gives up when its deadline has passed. What NCCL
// does there cannot be stopped: the thread stays behind, with what it needs, for the little that is
// left of the process's life.

#include <nccl.h>

#include <memory>
#include <mutex>

#include "kernels/cuda/context.h"

namespace trireme {

struct CollectiveGroup {
  explicit CollectiveGroup(DeviceContext* device)
      : device_(device), shared_(std::make_shared<Shared>()) {}

  // Both may throw std::system_error: no thread.
  void join(const Membership&, const ncclUniqueId&);
  DeviceStatus close();
  DeviceStatus poll() noexcept;
  void abort() noexcept;

  // status of call(communicator), with the group's device current. `name` names the NCCL function.
  template <class Call>
  DeviceStatus use(const char* name, Call&& call) noexcept {
    const ncclComm_t communicator = enter(name);
    if (!communicator) return DeviceStatus::failed;
    const DeviceStatus status = outcome(call(communicator), name, communicator);
    leave();
    return status;
  }

 private:
  static constexpr size_t kReasonBytes = 400;
  // What the thread that waits inside NCCL may outlive the group with.
  struct Shared {
    std::mutex mutex;
    ncclComm_t communicator = nullptr;  // null: not yet, or no more
    bool waiting = false;               // that thread is inside NCCL
    bool aborted = false;
    char failure[kReasonBytes] = "";  // of that thread
    int inside = 0;                   // threads in use()
  };
  static void make(Shared&, int ordinal, const Membership&, const ncclUniqueId&) noexcept;
  static void end(Shared&, int ordinal, ncclComm_t) noexcept;
  static void destroy(Shared&, int ordinal, ncclComm_t) noexcept;
  static DeviceStatus outcome(ncclResult_t, const char* name, ncclComm_t) noexcept;
  ncclComm_t enter(const char* name) noexcept;
  void leave() noexcept;

  DeviceContext* device_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace trireme
