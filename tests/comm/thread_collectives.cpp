#include "comm/thread_collectives.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>

#include "comm/bf16_number.h"

namespace trireme {

using Call = ThreadCollectives::Call;

// The members of one id, and the collective that they are in. The mutex of ThreadCollectives.
struct ThreadCollectives::Meeting {
  struct Part {
    const void* from;
    void* to;
  };
  std::condition_variable changed;
  int joined = 0, closed = 0;
  std::string broken;      // why nothing works any more
  std::string collective;  // what the first that came called
  std::map<int, Part> parts;
  uint64_t done = 0;  // collectives
};

struct CollectiveGroup {
  int rank, size;
  std::shared_ptr<ThreadCollectives::Meeting> meeting;
  bool closing = false, ended = false;
};

namespace {

constexpr std::chrono::seconds kLongest{60};
std::atomic<ThreadCollectives*> current{nullptr};
thread_local std::string error;

DeviceStatus fail(std::string why) {
  error = std::move(why);
  return DeviceStatus::failed;
}

const char* name(CollectiveType type) {
  return type == CollectiveType::f64 ? "f64" : type == CollectiveType::bf16 ? "bf16" : "f32";
}

// sum[i] = from of rank 0 + from of rank 1 + ...
template <class T, class Parts>
std::vector<T> sum(const Parts& parts, size_t count) {
  std::vector<T> total(count);
  for (const auto& [rank, part] : parts)
    for (size_t i = 0; i < count; ++i) total[i] += static_cast<const T*>(part.from)[i];
  return total;
}

template <class T, class Parts>
void reduce_to_all(const Parts& parts, size_t count) {
  const auto total = sum<T>(parts, count);
  for (const auto& [rank, part] : parts) std::memcpy(part.to, total.data(), count * sizeof(T));
}

template <class T, class Parts>
void scatter_sums(const Parts& parts, size_t each) {
  const auto total = sum<T>(parts, each * parts.size());
  for (const auto& [rank, part] : parts)
    std::memcpy(part.to, total.data() + static_cast<size_t>(rank) * each, each * sizeof(T));
}

template <class Parts>
void gather(const Parts& parts, size_t bytes_each) {
  std::vector<std::byte> all;
  for (const auto& [rank, part] : parts) {
    const auto* from = static_cast<const std::byte*>(part.from);
    all.insert(all.end(), from, from + bytes_each);
  }
  for (const auto& [rank, part] : parts) std::memcpy(part.to, all.data(), all.size());
}

template <class Parts>
void copy_from_root(const Parts& parts, size_t bytes, int root) {
  for (const auto& [rank, part] : parts)
    if (rank != root) std::memcpy(part.to, parts.at(root).from, bytes);
}

size_t size_of(CollectiveType type) {
  return type == CollectiveType::f64 ? sizeof(double) : sizeof(float);
}

}  // namespace

// The entries of the table.
struct ThreadEntries {
  using Meeting = ThreadCollectives::Meeting;

  static ThreadCollectives& all() { return *current.load(); }

  // Keeps the call; false when it is poisoned.
  static bool begin(int rank, std::string text, Call call) {
    auto& state = all().ranks_[rank];
    if (!text.empty()) state.calls.push_back(std::move(text));
    const auto poison = state.poison.find(call);
    if (poison != state.poison.end()) error = poison->second;
    return poison == state.poison.end();
  }

  static DeviceStatus make_id(DeviceContext*, const Membership* me, CollectiveId* out) noexcept {
    const std::lock_guard lock(all().mutex_);
    if (!begin(me->rank, "make_id", Call::make_id)) return DeviceStatus::failed;
    const uint64_t index = all().meetings_.size();
    all().meetings_.push_back(std::make_shared<Meeting>());
    std::memcpy(out->bytes, &index, sizeof index);
    return DeviceStatus::ok;
  }

  static DeviceStatus join(DeviceContext*, const Membership* me, const CollectiveId* id,
                           CollectiveGroup** out) noexcept {
    const std::lock_guard lock(all().mutex_);
    *out = nullptr;
    all().ranks_[me->rank].membership = *me;
    if (!begin(me->rank, fmt::format("join {} of {}", me->rank, me->size), Call::join))
      return DeviceStatus::failed;
    uint64_t index = 0;
    std::memcpy(&index, id->bytes, sizeof index);
    if (index >= all().meetings_.size()) return fail("an id that nobody made");
    const auto& meeting = all().meetings_[index];
    if (!all().ranks_[me->rank].stalled.contains(Call::join)) ++meeting->joined;
    *out = new CollectiveGroup{me->rank, me->size, meeting};
    return DeviceStatus::ok;
  }

  static DeviceStatus poll(CollectiveGroup* g) noexcept {
    const std::lock_guard lock(all().mutex_);
    if (!begin(g->rank, "", Call::poll)) return DeviceStatus::failed;
    if (!g->meeting->broken.empty()) return fail(g->meeting->broken);
    if (g->meeting->joined < g->size) return DeviceStatus::not_ready;
    if (!g->closing) return DeviceStatus::ok;
    g->ended = g->meeting->closed == g->size;
    return g->ended ? DeviceStatus::ok : DeviceStatus::not_ready;
  }

  static void break_up(Meeting& meeting, std::string why) {
    if (meeting.broken.empty()) meeting.broken = std::move(why);
    meeting.changed.notify_all();
  }

  // compute(parts) is called by the last that comes, when the parts of all are there.
  template <class Compute>
  static DeviceStatus collective(CollectiveGroup* g, const std::string& what, Meeting::Part part,
                                 Compute&& compute) {
    std::unique_lock lock(all().mutex_);
    Meeting& meeting = *g->meeting;
    if (!begin(g->rank, what, Call::collective)) {
      break_up(meeting, fmt::format("a collective of rank {} failed: {}", g->rank, error));
      return DeviceStatus::failed;
    }
    if (meeting.parts.empty()) meeting.collective = what;
    if (meeting.collective != what)
      break_up(meeting,
               fmt::format("rank {} calls {}, others {}", g->rank, what, meeting.collective));
    meeting.parts[g->rank] = part;
    const uint64_t mine = meeting.done;
    if (meeting.parts.size() == static_cast<size_t>(g->size) && meeting.broken.empty()) {
      compute(meeting.parts);
      meeting.parts.clear();
      ++meeting.done;
      meeting.changed.notify_all();
    }
    const auto over = [&] { return meeting.done > mine || !meeting.broken.empty(); };
    if (!meeting.changed.wait_for(lock, kLongest, over))
      break_up(meeting, what + ": not all members came");
    return meeting.done > mine ? DeviceStatus::ok : fail(meeting.broken);
  }

  static DeviceStatus all_reduce(CollectiveGroup* g, void* data, size_t count, CollectiveType type,
                                 Stream*) noexcept {
    return collective(g, fmt::format("all_reduce {} {}", count, name(type)), {data, data},
                      [&](const auto& parts) {
                        if (type == CollectiveType::f64) return reduce_to_all<double>(parts, count);
                        if (type == CollectiveType::bf16)
                          return reduce_to_all<Bf16Number>(parts, count);
                        reduce_to_all<float>(parts, count);
                      });
  }

  static DeviceStatus reduce_scatter(CollectiveGroup* g, const void* from, void* to, size_t each,
                                     CollectiveType type, Stream*) noexcept {
    return collective(g, fmt::format("reduce_scatter {} {}", each, name(type)), {from, to},
                      [&](const auto& parts) {
                        type == CollectiveType::f64 ? scatter_sums<double>(parts, each)
                                                    : scatter_sums<float>(parts, each);
                      });
  }

  static DeviceStatus all_gather(CollectiveGroup* g, const void* from, void* to, size_t each,
                                 CollectiveType type, Stream*) noexcept {
    return collective(g, fmt::format("all_gather {} {}", each, name(type)), {from, to},
                      [&](const auto& parts) { gather(parts, each * size_of(type)); });
  }

  static DeviceStatus broadcast(CollectiveGroup* g, void* data, size_t count, CollectiveType type,
                                int32_t root, Stream*) noexcept {
    return collective(
        g, fmt::format("broadcast {} {} from {}", count, name(type), root), {data, data},
        [&](const auto& parts) { copy_from_root(parts, count * size_of(type), root); });
  }

  static DeviceStatus note(CollectiveGroup* g, std::string text) {
    const std::lock_guard lock(all().mutex_);
    all().ranks_[g->rank].calls.push_back(std::move(text));
    return DeviceStatus::ok;
  }
  static DeviceStatus begin_batch(CollectiveGroup* g) noexcept { return note(g, "begin_batch"); }
  static DeviceStatus end_batch(CollectiveGroup* g) noexcept { return note(g, "end_batch"); }
  static DeviceStatus register_memory(CollectiveGroup* g, void* data, size_t bytes,
                                      RegisteredMemory** out) noexcept {
    *out = static_cast<RegisteredMemory*>(data);
    return note(g, fmt::format("register_memory {}", bytes));
  }
  static DeviceStatus deregister_memory(CollectiveGroup* g, RegisteredMemory*) noexcept {
    return note(g, "deregister_memory");
  }

  static DeviceStatus close(CollectiveGroup* g) noexcept {
    const std::lock_guard lock(all().mutex_);
    if (!begin(g->rank, "close", Call::close)) return DeviceStatus::failed;
    g->closing = true;
    if (!all().ranks_[g->rank].stalled.contains(Call::close)) ++g->meeting->closed;
    return DeviceStatus::ok;
  }

  static void abort(CollectiveGroup* g) noexcept {
    const std::lock_guard lock(all().mutex_);
    if (std::exchange(g->ended, true)) return;
    all().ranks_[g->rank].calls.emplace_back("abort");
    break_up(*g->meeting, fmt::format("rank {} aborted the group", g->rank));
  }

  static void release(CollectiveGroup* g) noexcept {
    if (!g) return;
    abort(g);
    (void)note(g, "release");
    delete g;
  }

  static constexpr CollectiveFunctions table() {
    return {.last_error = []() noexcept { return error.c_str(); },
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
  }
};

ThreadCollectives::ThreadCollectives() { current = this; }
ThreadCollectives::~ThreadCollectives() { current = nullptr; }

const CollectiveFunctions& ThreadCollectives::functions() const {
  static constexpr CollectiveFunctions kFunctions = ThreadEntries::table();
  return kFunctions;
}

void ThreadCollectives::poison(int rank, Call call, std::string reason) {
  const std::lock_guard lock(mutex_);
  ranks_[rank].poison[call] = std::move(reason);
}

void ThreadCollectives::stall(int rank, Call call) {
  const std::lock_guard lock(mutex_);
  ranks_[rank].stalled.insert(call);
}

std::vector<std::string> ThreadCollectives::calls(int rank) {
  const std::lock_guard lock(mutex_);
  return ranks_[rank].calls;
}

Membership ThreadCollectives::membership(int rank) {
  const std::lock_guard lock(mutex_);
  return ranks_[rank].membership;
}

}  // namespace trireme
