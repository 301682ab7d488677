#include "comm/device_group.h"

#include <fmt/format.h>

#include <chrono>
#include <limits>
#include <string>
#include <thread>

#include "comm/sentence.h"

namespace trireme {
namespace {

// Looks at an event between two looks for trouble, and before the first pause.
constexpr int kLooksPerCheck = 64, kSpins = 200;
constexpr std::chrono::microseconds kPause{20};

void pause(int round) {
  if (round >= kSpins) std::this_thread::sleep_for(kPause);
}

}  // namespace

DeviceGroup::DeviceGroup(Communicator& comm, const Device& device, double seconds)
    : comm_(comm), device_(device), f_(device.links().collectives) {
  if (comm.size() > 1) group_ = join_devices(comm, device, seconds);
}

DeviceGroup::~DeviceGroup() = default;

void DeviceGroup::abort() noexcept {
  if (group_) f_->abort(group_.get());
}

void DeviceGroup::settle(DeviceStatus status, const char* what, Where w) {
  if (status == DeviceStatus::ok) return;
  const std::string reason = f_->last_error();
  abort();
  throw CommError(
      fmt::format("{}: {} failed at {}:{}: {}", name(me()), what, w.file, w.line, reason));
}

void DeviceGroup::reduce(void* data, size_t count, CollectiveType type, const DeviceStream& stream,
                         Where w) {
  if (!group_ || count == 0) return;
  settle(f_->all_reduce(group_.get(), data, count, type, stream.get()), "an all-reduce", w);
}

void DeviceGroup::reduce_scatter(const float* from, float* to, size_t each,
                                 const DeviceStream& stream, Where w) {
  if (each == 0) return;
  if (group_)
    settle(f_->reduce_scatter(group_.get(), from, to, each, CollectiveType::f32, stream.get()),
           "a reduce-scatter", w);
  else if (from != to)
    device_.copy(to, from, each * sizeof(float), stream, w);
}

void DeviceGroup::all_gather(const float* from, float* to, size_t each, const DeviceStream& stream,
                             Where w) {
  if (each == 0) return;
  if (group_)
    settle(f_->all_gather(group_.get(), from, to, each, CollectiveType::f32, stream.get()),
           "an all-gather", w);
  else if (from != to)
    device_.copy(to, from, each * sizeof(float), stream, w);
}

void DeviceGroup::broadcast(float* data, size_t count, int root, const DeviceStream& stream,
                            Where w) {
  if (!group_ || count == 0) return;
  settle(f_->broadcast(group_.get(), data, count, CollectiveType::f32, root, stream.get()),
         "a broadcast", w);
}

void DeviceGroup::begin_batch(Where w) {
  if (group_) settle(f_->begin_batch(group_.get()), "beginning a batch", w);
}

void DeviceGroup::BatchEnd::take(Where w) {
  open = false;
  if (group.group_)
    group.settle(group.f_->end_batch(group.group_.get()), "a batch of collectives", w);
}

DeviceGroup::BatchEnd::~BatchEnd() {
  if (open && group.group_) (void)group.f_->end_batch(group.group_.get());
}

void DeviceGroup::register_memory(const DeviceBuffer& buffer, Where w) {
  if (!group_ || buffer.size() == 0) return;
  RegisteredMemory* memory = nullptr;
  settle(f_->register_memory(group_.get(), buffer.data(), buffer.size(), &memory),
         "registering memory", w);
  registered_.push_back(memory);
}

void DeviceGroup::throw_failure(const Wait& wait) {
  const std::string reason = f_->last_error();
  abort();
  throw CommError(fmt::format("{}: {} failed: {}", name(me()), awaited(wait), reason));
}

void DeviceGroup::check(const Wait& wait) {
  if (group_ && f_->poll(group_.get()) == DeviceStatus::failed) throw_failure(wait);
}

// late: why the deadline may have passed.
void DeviceGroup::look_for_trouble(const Wait& wait, Clock::time_point since, const char* late) {
  check(wait);
  try {
    const double seconds = seconds_since(since);
    if (seconds >= wait.seconds)
      throw CommError(fmt::format("{}: {}", waited(me(), wait, seconds), late), deadline_hint());
    Wait patient = wait;  // this wait's own deadline has the better sentence
    patient.seconds = std::numeric_limits<double>::infinity();
    comm_.check({}, patient, since);
  } catch (const CommError&) {
    abort();
    throw;
  }
}

void DeviceGroup::wait(const DeviceEvent& event, const Wait& wait) {
  const char* late = group_ ? "the device has not finished; another rank may be missing there"
                            : "the device has not finished";
  const auto since = Clock::now();
  for (int round = 1; !device_.happened(event); ++round) {
    if (round % kLooksPerCheck == 0) look_for_trouble(wait, since, late);
    pause(round);
  }
}

void DeviceGroup::close(const Wait& wait) {
  if (!group_ || closed_) return;
  for (RegisteredMemory* memory : registered_)
    if (f_->deregister_memory(group_.get(), memory) != DeviceStatus::ok) throw_failure(wait);
  registered_.clear();
  if (f_->close(group_.get()) != DeviceStatus::ok) throw_failure(wait);
  const auto since = Clock::now();
  for (int round = 1; f_->poll(group_.get()) == DeviceStatus::not_ready; ++round) {
    look_for_trouble(wait, since, "not all ranks have closed their group of devices");
    pause(round);
  }
  check(wait);
  closed_ = true;
}

}  // namespace trireme
