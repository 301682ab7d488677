// device_collectives [hang]: the plugin's collectives on real devices, started by mpirun. Ranks of
// a host take its devices in turn; more ranks than devices share. Compares with sums computed on
// the host, also from a captured step, and prints the bandwidth. With `hang` the last rank leaves
// an all-reduce out, and the others must end with a sentence. 77: there is no device.

#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "comm/device_group.h"
#include "kernels/cuda_plugin.h"

namespace trireme {
namespace {

constexpr int kNoDevice = 77;
constexpr double kSeconds = 120;

struct Bench {
  Communicator& comm;
  const Device& device;
  DeviceGroup& group;
  DeviceStream stream;
  int errors = 0;

  size_t n() const { return static_cast<size_t>(comm.size()); }
  void finish(const char* what) {
    const DeviceEvent event = device.event();
    device.record(event, stream);
    group.wait(event, {.seconds = kSeconds, .what = what});
  }
};

// Whole numbers, so that every order of summing gives the same.
template <class T>
T value(int rank, size_t i) {
  return static_cast<T>(i % 1000 + static_cast<size_t>(rank) * 3);
}

template <class T>
std::vector<T> filled(int rank, size_t count) {
  std::vector<T> data(count);
  for (size_t i = 0; i < count; ++i) data[i] = value<T>(rank, i);
  return data;
}

template <class T>
std::vector<T> summed(int size, size_t count) {
  std::vector<T> data(count);
  for (int rank = 0; rank < size; ++rank)
    for (size_t i = 0; i < count; ++i) data[i] += value<T>(rank, i);
  return data;
}

template <class T>
void upload(const Bench& b, const DeviceBuffer& to, const std::vector<T>& data) {
  b.device.copy(to.data(), data.data(), data.size() * sizeof(T), b.stream);
  b.device.synchronise(b.stream);
}

template <class T>
void expect(Bench& b, const char* what, const DeviceBuffer& buffer, const std::vector<T>& wanted) {
  b.finish(what);
  std::vector<T> got(wanted.size());
  b.device.copy(got.data(), buffer.data(), got.size() * sizeof(T), b.stream);
  b.device.synchronise(b.stream);
  size_t first = 0;
  while (first < got.size() && got[first] == wanted[first]) ++first;
  if (first == got.size()) return;
  ++b.errors;
  fmt::print("rank {}: {} of {}: element {} is {}, not {}\n", b.comm.rank(), what, got.size(),
             first, got[first], wanted[first]);
}

template <class T>
void check_all_reduce(Bench& b, const char* what, size_t count) {
  const DeviceBuffer data = b.device.allocate(count * sizeof(T), Memory::device, "data");
  upload(b, data, filled<T>(b.comm.rank(), count));
  b.group.all_reduce(reinterpret_cast<T*>(data.data()), count, b.stream);
  expect(b, what, data, summed<T>(b.comm.size(), count));
}

// Whole numbers below 256, which bf16 holds exactly, so that no order of the sums shows.
void check_bf16(Bench& b, size_t count) {
  const auto bits = [](size_t number) {
    return static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(number)) >> 16);
  };
  std::vector<uint16_t> mine(count), wanted(count);
  for (size_t i = 0; i < count; ++i) {
    mine[i] = bits(i % 7 + static_cast<size_t>(b.comm.rank()) % 3);
    size_t sum = 0;
    for (size_t rank = 0; rank < b.n(); ++rank) sum += i % 7 + rank % 3;
    wanted[i] = bits(sum);
  }
  const DeviceBuffer data = b.device.allocate(count * sizeof(Bf16), Memory::device, "data");
  upload(b, data, mine);
  b.group.all_reduce(reinterpret_cast<Bf16*>(data.data()), count, b.stream);
  expect(b, "all-reduce of bf16", data, wanted);
}

// A reduce-scatter and an all-gather; in place, or through a buffer of their own.
void check_scatter_and_gather(Bench& b, const char* what, size_t each, bool in_place) {
  const size_t count = each * b.n();
  const DeviceBuffer data = b.device.allocate(count * sizeof(float), Memory::device, "data");
  const DeviceBuffer part = b.device.allocate(each * sizeof(float), Memory::device, "a part");
  upload(b, data, filled<float>(b.comm.rank(), count));
  float* mine =
      in_place ? data.floats() + each * static_cast<size_t>(b.comm.rank()) : part.floats();
  b.group.reduce_scatter(data.floats(), mine, each, b.stream);
  b.group.all_gather(mine, data.floats(), each, b.stream);
  expect(b, what, data, summed<float>(b.comm.size(), count));
}

void check_broadcast(Bench& b, size_t count) {
  const int root = b.comm.size() - 1;
  const DeviceBuffer data = b.device.allocate(count * sizeof(float), Memory::device, "data");
  upload(b, data, filled<float>(b.comm.rank(), count));
  b.group.broadcast(data.floats(), count, root, b.stream);
  expect(b, "broadcast", data, filled<float>(root, count));
}

// As a step has it: the sums are taken on a stream of their own, in two buckets, between work on
// the first stream; captured once and launched often.
void check_captured(Bench& b, const DeviceBuffer& data) {
  const size_t bytes = data.size(), count = bytes / sizeof(float);
  const DeviceBuffer source = b.device.allocate(bytes, Memory::device, "source");
  const DeviceBuffer result = b.device.allocate(bytes, Memory::device, "result");
  upload(b, source, filled<float>(b.comm.rank(), count));
  const DeviceStream between = b.device.stream(StreamPriority::high);
  const DeviceEvent ready = b.device.event(), reduced = b.device.event();
  const DeviceGraph step = b.device.capture(b.stream, [&] {
    b.device.copy(data.data(), source.data(), bytes, b.stream);
    b.device.record(ready, b.stream);
    b.device.wait(between, ready);
    b.group.all_reduce(data.floats(), count / 2, between);
    b.group.batch(
        [&] { b.group.all_reduce(data.floats() + count / 2, count - count / 2, between); });
    b.device.record(reduced, between);
    b.device.wait(b.stream, reduced);
    b.device.copy(result.data(), data.data(), bytes, b.stream);
  });
  for (int launch = 0; launch < 3; ++launch) {
    b.device.set_bytes(result.data(), 0xff, bytes, b.stream);
    b.device.launch(step, b.stream);
    expect(b, "captured all-reduce", result, summed<float>(b.comm.size(), count));
  }
}

void print_bandwidth(Bench& b, size_t mebibytes) {
  constexpr int kWarm = 2, kTimes = 5;
  const size_t bytes = mebibytes << 20;
  const DeviceBuffer data = b.device.allocate(bytes, Memory::device, "data");
  const DeviceEvent begin = b.device.event(Device::Timed::yes);
  const DeviceEvent end = b.device.event(Device::Timed::yes);
  for (int i = 0; i < kWarm + kTimes; ++i) {
    if (i == kWarm) b.device.record(begin, b.stream);
    b.group.all_reduce(data.floats(), bytes / sizeof(float), b.stream);
  }
  b.device.record(end, b.stream);
  b.finish("the bandwidth");
  const double seconds = b.device.milliseconds(begin, end) / 1e3 / kTimes;
  const double algorithm = static_cast<double>(bytes) / seconds / 1e9;
  const double n = b.comm.size();
  if (b.comm.rank() == 0)
    fmt::print("all-reduce {:4} MiB: {:9.3f} ms, algbw {:8.2f} GB/s, busbw {:8.2f} GB/s\n",
               mebibytes, seconds * 1e3, algorithm, algorithm * 2 * (n - 1) / n);
}

// A group of one rank makes no communicator: here is one all the same, through the table.
int check_alone(const Device& device) {
  const CollectiveFunctions& f = *device.links().collectives;
  const Membership me{.rank = 0, .size = 1, .shared_device = 0, .one_host = 1};
  CollectiveId id{};
  CollectiveGroup* joined = nullptr;
  DeviceStatus status = f.make_id(device.context(), &me, &id);
  if (status == DeviceStatus::ok) status = f.join(device.context(), &me, &id, &joined);
  const OwnedGroup group(joined, ReleaseGroup{&f});
  const auto settle = [&] {
    while (status == DeviceStatus::ok && (status = f.poll(joined)) == DeviceStatus::not_ready)
      status = DeviceStatus::ok;
  };
  settle();
  const DeviceStream stream = device.stream();
  const DeviceBuffer data = device.allocate(1 << 20, Memory::device, "data");
  if (status == DeviceStatus::ok)
    status = f.all_reduce(joined, data.data(), 1 << 18, CollectiveType::f32, stream.get());
  if (status == DeviceStatus::ok) {
    device.synchronise(stream);
    status = f.close(joined);
  }
  settle();
  fmt::print("a communicator of one rank: {}\n",
             status == DeviceStatus::ok ? "ok" : f.last_error());
  return status == DeviceStatus::ok ? 0 : 1;
}

int check_hang(Bench& b) {
  const DeviceBuffer data = b.device.allocate(1 << 20, Memory::device, "data");
  int errors = 1;
  if (b.comm.rank() == b.comm.size() - 1) {
    errors = 0;
  } else {
    try {
      b.group.all_reduce(data.floats(), 1 << 18, b.stream);
      const DeviceEvent event = b.device.event();
      b.device.record(event, b.stream);
      b.group.wait(event, {.seconds = 3, .what = "a gradient that never comes", .step = 17});
      fmt::print("rank {}: a wait ended that could not\n", b.comm.rank());
    } catch (const CommError& e) {
      fmt::print("rank {} ended its wait: {}\n", b.comm.rank(), e.what());
      errors = 0;
    }
  }
  b.comm.barrier({.seconds = kSeconds, .what = "the end of the wait"});
  return errors;
}

int check_all(Bench& b) {
  for (size_t count : {1, 31, 1000003}) {
    check_all_reduce<float>(b, "all-reduce of float", count);
    check_all_reduce<double>(b, "all-reduce of double", count);
    if (b.n() < 32) check_bf16(b, count);
    check_scatter_and_gather(b, "reduce-scatter and all-gather", count, false);
    check_scatter_and_gather(b, "reduce-scatter and all-gather in place", count, true);
    check_broadcast(b, count);
  }
  if (b.comm.size() > 1)
    for (size_t mebibytes : {1, 16, 128}) print_bandwidth(b, mebibytes);
  const DeviceBuffer registered =
      b.device.allocate(1000003 * sizeof(float), Memory::device, "a registered buffer");
  b.group.register_memory(registered);
  check_captured(b, registered);
  b.group.close({.seconds = kSeconds, .what = "the end of the group"});
  fmt::print("rank {} of {} on {}: {} errors\n", b.comm.rank(), b.comm.size(), b.device.name(),
             b.errors);
  return b.errors;
}

int run(Communicator& comm, std::string_view mode) {
  const CudaPlugin plugin = CudaPlugin::load();
  if (!plugin.reason().empty()) {
    fmt::print("skipped: {}\n", plugin.reason());
    comm.close();
    return kNoDevice;
  }
  const int node_rank = comm.members()[static_cast<size_t>(comm.rank())].node_rank;
  const auto device = plugin.open(node_rank % plugin.devices(), true);
  device->make_current();
  int errors = comm.size() == 1 ? check_alone(*device) : 0;
  {
    DeviceGroup group(comm, *device, kSeconds);
    Bench bench{comm, *device, group, device->stream(StreamPriority::high)};
    errors += mode == "hang" ? check_hang(bench) : check_all(bench);
  }
  comm.close();
  return errors ? 1 : 0;
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) {
  using namespace trireme;
  const auto comm = make_mpi_communicator(&argc, &argv);
  try {
    return run(*comm, argc > 1 ? argv[1] : "");
  } catch (const Error& e) {
    fmt::print(stderr, "rank {}: {}\n{}\n", comm->rank(), e.what(), e.hint());
    comm->abort(e.what(), e.code());
    return static_cast<int>(e.code());
  }
}
