#include "cuda/fakes/shared_collectives.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "comm/bf16_number.h"
#include "cuda_shim/recording.h"

namespace trireme {
namespace {

constexpr size_t kPart = size_t{1} << 16;  // bytes of a rank that are added up at a time
constexpr std::chrono::seconds kLongest{60};

// At the front of the shared memory, which begins as zeros; the ranks' parts follow.
struct alignas(64) Board {
  std::atomic<int> joined, left, arrived, broken;
  std::atomic<int> round;  // of the barrier
};

thread_local std::string error;

DeviceStatus fail(std::string why) {
  error = std::move(why);
  return DeviceStatus::failed;
}

size_t bytes_of(int size) { return sizeof(Board) + static_cast<size_t>(size) * kPart; }

}  // namespace

struct CollectiveGroup {
  CollectiveGroup(const Membership& me, Board* shared)
      : rank(me.rank), size(me.size), board(shared) {}
  ~CollectiveGroup() { (void)munmap(board, bytes_of(size)); }
  std::byte* part(int of) const {
    return reinterpret_cast<std::byte*>(board + 1) + static_cast<size_t>(of) * kPart;
  }

  // False: a rank gave up, or did not come.
  bool meet() {
    const int round = board->round.load();
    if (board->arrived.fetch_add(1) + 1 == size) {
      board->arrived.store(0);
      board->round.fetch_add(1);
      return true;
    }
    const auto end = std::chrono::steady_clock::now() + kLongest;
    while (board->round.load() == round && board->broken.load() == 0) {
      if (std::chrono::steady_clock::now() > end) board->broken.store(1);
      std::this_thread::yield();
    }
    return board->broken.load() == 0;
  }

  template <class T>
  bool sum(T* data, size_t count) {
    for (size_t at = 0; at < count; at += kPart / sizeof(T)) {
      const size_t n = std::min(kPart / sizeof(T), count - at);
      std::memcpy(part(rank), data + at, n * sizeof(T));
      if (!meet()) return false;
      std::memcpy(data + at, part(0), n * sizeof(T));
      for (int r = 1; r < size; ++r)
        for (size_t i = 0; i < n; ++i) data[at + i] += reinterpret_cast<const T*>(part(r))[i];
      if (!meet()) return false;
    }
    return true;
  }

  bool sum(void* data, size_t count, CollectiveType type) {
    if (type == CollectiveType::f64) return sum(static_cast<double*>(data), count);
    if (type == CollectiveType::bf16) return sum(static_cast<Bf16Number*>(data), count);
    return type == CollectiveType::f32 && sum(static_cast<float*>(data), count);
  }

  const int rank, size;
  Board* const board;
  bool closing = false;
};

namespace cuda_shim {
namespace {

DeviceStatus make_id(DeviceContext*, const Membership* me, CollectiveId* out) noexcept {
  auto* name = reinterpret_cast<char*>(out->bytes);
  (void)std::snprintf(name, sizeof out->bytes, "/trireme-shim-%d", static_cast<int>(getpid()));
  const int file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0) return fail(std::string("shm_open: ") + std::strerror(errno));
  const int rc = ftruncate(file, static_cast<off_t>(bytes_of(me->size)));
  (void)::close(file);
  return rc == 0 ? DeviceStatus::ok : fail(std::string("ftruncate: ") + std::strerror(errno));
}

DeviceStatus join(DeviceContext*, const Membership* me, const CollectiveId* id,
                  CollectiveGroup** out) noexcept {
  *out = nullptr;
  const auto* name = reinterpret_cast<const char*>(id->bytes);
  const int file = shm_open(name, O_RDWR, 0600);
  if (file < 0) return fail(std::string("shm_open: ") + std::strerror(errno));
  void* shared = mmap(nullptr, bytes_of(me->size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  (void)::close(file);
  if (shared == MAP_FAILED) return fail(std::string("mmap: ") + std::strerror(errno));
  *out = new CollectiveGroup(*me, static_cast<Board*>(shared));
  if ((*out)->board->joined.fetch_add(1) + 1 == me->size) (void)shm_unlink(name);
  return DeviceStatus::ok;
}

DeviceStatus poll(CollectiveGroup* g) noexcept {
  if (g->board->broken.load() != 0) return fail("a rank gave up");
  const int here = g->closing ? g->board->left.load() : g->board->joined.load();
  return here == g->size ? DeviceStatus::ok : DeviceStatus::not_ready;
}

DeviceStatus all_reduce(CollectiveGroup* g, void* data, size_t count, CollectiveType type,
                        Stream*) noexcept {
  const auto work = [=] { return g->sum(data, count, type); };
  if (!recording()) return work() ? DeviceStatus::ok : fail("an all-reduce was given up");
  record(work);
  return DeviceStatus::ok;
}

DeviceStatus refuse(CollectiveGroup*, const void*, void*, size_t, CollectiveType,
                    Stream*) noexcept {
  return fail("the shim has all_reduce alone");
}

}  // namespace

const CollectiveFunctions& shared_collectives() {
  static const CollectiveFunctions table = [] {
    CollectiveFunctions f{};
    f.last_error = []() noexcept { return error.c_str(); };
    f.make_id = make_id;
    f.join = join;
    f.poll = poll;
    f.all_reduce = all_reduce;
    f.reduce_scatter = refuse;
    f.all_gather = refuse;
    f.broadcast = [](CollectiveGroup*, void*, size_t, CollectiveType, int32_t, Stream*) noexcept {
      return fail("the shim has all_reduce alone");
    };
    f.begin_batch = [](CollectiveGroup*) noexcept { return DeviceStatus::ok; };
    f.end_batch = [](CollectiveGroup*) noexcept { return DeviceStatus::ok; };
    f.register_memory = [](CollectiveGroup*, void*, size_t, RegisteredMemory** out) noexcept {
      *out = nullptr;
      return DeviceStatus::ok;
    };
    f.deregister_memory = [](CollectiveGroup*, RegisteredMemory*) noexcept {
      return DeviceStatus::ok;
    };
    f.close = [](CollectiveGroup* g) noexcept {
      g->closing = true;
      g->board->left.fetch_add(1);
      return DeviceStatus::ok;
    };
    f.abort = [](CollectiveGroup* g) noexcept {
      if (!g->closing) g->board->broken.store(1);
    };
    f.release = [](CollectiveGroup* g) noexcept { const std::unique_ptr<CollectiveGroup> gone(g); };
    return f;
  }();
  return table;
}

}  // namespace cuda_shim
}  // namespace trireme
