#pragma once
// The devices of all ranks as one group: what lies in their memory is summed and shared without
// passing through the hosts' program.
//
// A group of one rank has no communicator: its sums are the rank's own, so that callers need no
// branch. Every rank makes the same calls in the same order, from the thread that drives `comm`;
// abort() may come from any thread. Collectives are put on the stream and do not wait, so that they
// may be captured. Everything that fails aborts the group and throws CommError: who, doing what.

#include <utility>
#include <vector>

#include "comm/join_devices.h"
#include "kernels/kernel_types.h"  // Bf16

namespace trireme {

class DeviceGroup {
 public:
  // Every rank calls; `comm` and `device` outlive the group. seconds: how long to wait for the
  // others. Throws as join_devices() does.
  DeviceGroup(Communicator& comm, const Device& device, double seconds);
  ~DeviceGroup();  // the error end, unless close() came before; not collective

  int rank() const { return comm_.rank(); }
  int size() const { return comm_.size(); }

  // data = the sum over ranks, in an order that the library chooses.
  void all_reduce(float* data, size_t count, const DeviceStream& stream,
                  Where w = Where::current()) {
    reduce(data, count, CollectiveType::f32, stream, w);
  }
  void all_reduce(double* data, size_t count, const DeviceStream& stream,
                  Where w = Where::current()) {
    reduce(data, count, CollectiveType::f64, stream, w);
  }
  void all_reduce(Bf16* data, size_t count, const DeviceStream& stream,
                  Where w = Where::current()) {
    reduce(data, count, CollectiveType::bf16, stream, w);
  }
  // to = elements [rank * each, (rank + 1) * each) of the sum of `from`, which has size * each.
  // `to` may be that part of `from`.
  void reduce_scatter(const float* from, float* to, size_t each, const DeviceStream& stream,
                      Where w = Where::current());
  // to = every rank's `from`, by rank. `from` has `each` elements, and may be its part of `to`.
  void all_gather(const float* from, float* to, size_t each, const DeviceStream& stream,
                  Where w = Where::current());
  void broadcast(float* data, size_t count, int root, const DeviceStream& stream,
                 Where w = Where::current());
  // What `body` puts on streams goes to the device at once, when it returns.
  template <class Body>
  void batch(Body&& body, Where w = Where::current()) {
    begin_batch(w);
    BatchEnd end{*this};
    std::forward<Body>(body)();
    end.take(w);
  }

  // For buffers of device memory that collectives use in every step. They outlive close().
  void register_memory(const DeviceBuffer& buffer, Where w = Where::current());

  // Throws when a collective failed while the device worked, here or at a peer. wait: for the
  // sentence.
  void check(const Wait& wait);
  // The host waits for the event. Looks meanwhile for failed collectives and dead ranks; at the
  // deadline it aborts the group and throws.
  void wait(const DeviceEvent& event, const Wait& wait);

  // The normal end, after the streams are done and the captured steps with collectives in them were
  // destroyed (NCCL waits for that). Every rank calls, before `comm` closes; a second call does
  // nothing.
  void close(const Wait& wait);
  // Collectives under way stop. Not while the destructor runs.
  void abort() noexcept;

 private:
  struct BatchEnd {
    DeviceGroup& group;
    bool open = true;
    void take(Where w);
    ~BatchEnd();
  };
  const Member& me() const { return comm_.members()[static_cast<size_t>(rank())]; }
  void reduce(void* data, size_t count, CollectiveType type, const DeviceStream& stream, Where w);
  void begin_batch(Where w);
  void settle(DeviceStatus status, const char* what, Where w);
  void look_for_trouble(const Wait& wait, Clock::time_point since, const char* late);
  void throw_failure(const Wait& wait);

  Communicator& comm_;
  const Device& device_;
  const CollectiveFunctions* f_;
  OwnedGroup group_;  // null: one rank
  std::vector<RegisteredMemory*> registered_;
  bool closed_ = false;
};

}  // namespace trireme
