#pragma once
// How the devices of several ranks add up and share what lies in their memory. A C table beside
// DeviceFunctions: the CUDA plugin fills one over NCCL, tests fill one over host memory.
// `DeviceGroup` (comm/device_group.h) is how the rest of the program uses it.
//
// Conventions, besides those of DeviceFunctions:
//   * last_error() is this table's own.
//   * All members of a group call the same collectives, with the same counts and types, in the same
//     order; in each member one thread at a time.
//   * A collective is put on its stream and does not wait for the device, so that it may be
//     captured into a StepGraph.
//   * After a failure only abort() and release() make sense.

#include <cstddef>
#include <cstdint>

#include "tensor/device_functions.h"

namespace trireme {

struct CollectiveGroup;   // one rank's membership of a group
struct RegisteredMemory;  // null where registering brings nothing

// What the members of a group meet by: made by one, carried to the others.
struct CollectiveId {
  unsigned char bytes[128];
};

enum class CollectiveType : int32_t { f32 = 0, f64 = 1, f16 = 2, bf16 = 3 };

// The same in all members, but for the rank.
struct Membership {
  int32_t rank, size;
  int32_t shared_device;  // nonzero: some members sit on one device. Sockets then, and slow
  int32_t one_host;       // nonzero: all members are on one host
};

struct CollectiveFunctions {
  // Text of the calling thread's last failed call; "" when there was none. Valid until its next.
  const char* (*last_error)() noexcept;

  // In one member, before anybody joins. With shared_device it changes the environment of the
  // process, as join() does: before other threads read that.
  DeviceStatus (*make_id)(DeviceContext*, const Membership*, CollectiveId* out) noexcept;
  // Begins to join and returns; poll() says when all members are there.
  DeviceStatus (*join)(DeviceContext*, const Membership*, const CollectiveId*,
                       CollectiveGroup** out) noexcept;
  // not_ready: still joining, or still closing. failed: joining or closing failed, or something
  // did since, here or at a peer, while the device worked. May be called from any thread.
  DeviceStatus (*poll)(CollectiveGroup*) noexcept;

  // data += the data of the other members, in an order of the library's choice. `count` elements.
  DeviceStatus (*all_reduce)(CollectiveGroup*, void* data, size_t count, CollectiveType,
                             Stream*) noexcept;
  // to = elements [rank * each, (rank + 1) * each) of the sum of all members' `from`, which has
  // size * each elements. `to` may be just that part of `from`.
  DeviceStatus (*reduce_scatter)(CollectiveGroup*, const void* from, void* to, size_t each,
                                 CollectiveType, Stream*) noexcept;
  // to = the members' `from` by rank. `from` has `each` elements and may be its own part of `to`.
  DeviceStatus (*all_gather)(CollectiveGroup*, const void* from, void* to, size_t each,
                             CollectiveType, Stream*) noexcept;
  // data = the root's data.
  DeviceStatus (*broadcast)(CollectiveGroup*, void* data, size_t count, CollectiveType,
                            int32_t root, Stream*) noexcept;
  // What the calling thread puts on streams between the two goes to the device at once.
  DeviceStatus (*begin_batch)(CollectiveGroup*) noexcept;
  DeviceStatus (*end_batch)(CollectiveGroup*) noexcept;

  // Device memory that collectives will read and write often. A range that registering brings
  // nothing for is no failure. It stays allocated until it was deregistered or the group aborted.
  DeviceStatus (*register_memory)(CollectiveGroup*, void* data, size_t bytes,
                                  RegisteredMemory** out) noexcept;
  DeviceStatus (*deregister_memory)(CollectiveGroup*, RegisteredMemory*) noexcept;

  // Begins the normal end and returns; poll() is ok when it came. Every member calls, when its
  // streams are done, nothing is registered and no StepGraph with a collective is left: that would
  // be waited for.
  DeviceStatus (*close)(CollectiveGroup*) noexcept;
  // The error end: collectives under way stop, here; later ones fail. From any thread, while
  // another is inside any call but release(); does nothing after the end.
  void (*abort)(CollectiveGroup*) noexcept;
  // Frees what is left of the group; aborts it when neither close() nor abort() ended it. Takes
  // null. No other thread is in a call.
  void (*release)(CollectiveGroup*) noexcept;
};

}  // namespace trireme
