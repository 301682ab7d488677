#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "comm/mpi_check.h"
#include "comm/mpi_window.h"
#include "comm/mpi_world.h"
#include "comm/peer_communicator.h"
#include "comm/process.h"
#include "comm/sentence.h"

namespace trireme {
namespace {

constexpr size_t kLargestPart = size_t{1} << 30;  // MPI counts with int
// Seconds between abort()'s notices and MPI_Abort: of the rank with the first cause, and of one
// that lost another.
constexpr double kGoodbye = 0.3, kLostGoodbye = 3;
constexpr int kSpins = 256, kYields = 1024;  // looks before a wait yields, and before it sleeps

struct Notice {  // sent to a rank that may be in any wait
  enum class Kind : int32_t { failed, gave_up };
  Kind kind = Kind::failed;
  char sentence[1020] = {};
};

class MpiWindow : public Window {  // close() frees the memory
 public:
  explicit MpiWindow(const MpiSharedMemory& memory) : memory_(memory) {}
  std::byte* data() const override { return memory_.data; }
  size_t size() const override { return memory_.size; }

 private:
  MpiSharedMemory memory_;
};

class MpiCommunicator : public PeerCommunicator {
 public:
  explicit MpiCommunicator(MpiWorld world);

  bool test(Ticket ticket) override;
  std::unique_ptr<Window> window(size_t bytes) override;
  void close() override;
  void abort(std::string_view why, ExitCode code) noexcept override;

 protected:
  Ticket post_send(int to, int tag, Bytes data) override;
  Ticket post_receive(int from, int tag, MutableBytes data) override;
  int peer_of(Ticket ticket) const override { return open_.at(ticket).peer; }
  void cancel(Ticket ticket) noexcept override;
  Trouble look_for_trouble(std::span<const Ticket> open) override;
  void tell_gave_up(int to) override;
  void idle(int round) override;

 private:
  struct Part {
    MPI_Request request = MPI_REQUEST_NULL;
    size_t bytes = 0;
  };
  struct Operation {
    int peer = 0, tag = 0;
    bool receives = false;
    std::vector<Part> parts;
  };
  void listen();
  void send_notice(int to, const Notice& notice);
  void say_goodbye(std::string_view why, double seconds);

  MpiWorld world_;
  std::mutex mutex_;  // one thread inside MPI at a time
  std::map<Ticket, Operation> open_;
  Ticket last_ = 0;
  ProcessWatch watch_;
  bool spin_ = true;
  Notice heard_;
  MPI_Request listening_ = MPI_REQUEST_NULL;
  std::vector<std::unique_ptr<Notice>> said_;  // MPI reads them until the end
  std::vector<MPI_Request> saying_;
  std::vector<MPI_Win> windows_;
  bool closed_ = false;
};

MpiCommunicator::MpiCommunicator(MpiWorld world) : world_(std::move(world)) {
  set_members(world_.rank, world_.members);
  std::vector<Member> neighbours;
  for (int r : my_node()) neighbours.push_back(members()[static_cast<size_t>(r)]);
  watch_ = ProcessWatch(neighbours);
  const long cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  spin_ = static_cast<long>(neighbours.size()) <= cores;
  listen();
}

void MpiCommunicator::listen() {
  check_mpi(MPI_Irecv(&heard_, sizeof heard_, MPI_BYTE, MPI_ANY_SOURCE, kNoticeTag, world_.all,
                      &listening_),
            "MPI_Irecv");
}

Ticket MpiCommunicator::post_send(int to, int tag, Bytes data) {
  const std::lock_guard lock(mutex_);
  Operation op{to, tag, false, {}};
  do {  // also once for an empty message
    const size_t n = std::min(data.size(), kLargestPart);
    op.parts.push_back({MPI_REQUEST_NULL, n});
    check_mpi(MPI_Isend(data.data(), static_cast<int>(n), MPI_BYTE, to, tag, world_.all,
                        &op.parts.back().request),
              "MPI_Isend");
    data = data.subspan(n);
  } while (!data.empty());
  open_[++last_] = std::move(op);
  return last_;
}

Ticket MpiCommunicator::post_receive(int from, int tag, MutableBytes data) {
  const std::lock_guard lock(mutex_);
  Operation op{from, tag, true, {}};
  do {
    const size_t n = std::min(data.size(), kLargestPart);
    op.parts.push_back({MPI_REQUEST_NULL, n});
    check_mpi(MPI_Irecv(data.data(), static_cast<int>(n), MPI_BYTE, from, tag, world_.all,
                        &op.parts.back().request),
              "MPI_Irecv");
    data = data.subspan(n);
  } while (!data.empty());
  open_[++last_] = std::move(op);
  return last_;
}

bool MpiCommunicator::test(Ticket ticket) {
  const std::lock_guard lock(mutex_);
  Operation& op = open_.at(ticket);
  for (Part& part : op.parts) {
    if (part.request == MPI_REQUEST_NULL) continue;
    int done = 0, count = 0;
    MPI_Status status;
    const int rc = MPI_Test(&part.request, &done, &status);
    if (rc == MPI_SUCCESS && !done) return false;
    if (rc == MPI_SUCCESS && op.receives)
      check_mpi(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
    int kind = MPI_SUCCESS;
    if (rc != MPI_SUCCESS) MPI_Error_class(rc, &kind);
    if (kind != MPI_ERR_TRUNCATE)
      check_mpi(rc, op.receives ? "MPI_Test of a receive" : "MPI_Test of a send");
    if (op.receives && (rc != MPI_SUCCESS || static_cast<size_t>(count) != part.bytes))
      throw CommError(fmt::format("{} expected {} bytes with tag {} from rank {}, got {}",
                                  name(me()), part.bytes, op.tag, op.peer,
                                  rc == MPI_SUCCESS ? std::to_string(count) : "more"));
  }
  open_.erase(ticket);
  return true;
}

// A send cannot be taken back, and a receive that MPI already matched neither: then the request
// stays with MPI.
void MpiCommunicator::cancel(Ticket ticket) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(ticket);
  if (found == open_.end()) return;
  for (Part& part : found->second.parts) {
    if (part.request == MPI_REQUEST_NULL || !found->second.receives) continue;
    int done = 0;
    if (MPI_Cancel(&part.request) == MPI_SUCCESS)
      (void)MPI_Test(&part.request, &done, MPI_STATUS_IGNORE);
  }
  open_.erase(found);
}

Trouble MpiCommunicator::look_for_trouble(std::span<const Ticket>) {
  const std::lock_guard lock(mutex_);
  const Member* dead = watch_.dead();  // asked first: a rank that fails says so before it dies
  int heard = 0;
  check_mpi(MPI_Test(&listening_, &heard, MPI_STATUS_IGNORE), "MPI_Test of a notice");
  if (heard) {
    const Notice notice = heard_;
    listen();
    if (notice.kind == Notice::Kind::gave_up) return {Trouble::Kind::gave_up, {}};
    return {Trouble::Kind::failed, notice.sentence};
  }
  if (dead) return {Trouble::Kind::died, name_with_pid(*dead) + " died"};
  return {};
}

void MpiCommunicator::send_notice(int to, const Notice& notice) {
  said_.push_back(std::make_unique<Notice>(notice));
  saying_.push_back(MPI_REQUEST_NULL);
  check_mpi(MPI_Isend(said_.back().get(), sizeof notice, MPI_BYTE, to, kNoticeTag, world_.all,
                      &saying_.back()),
            "MPI_Isend");
}

void MpiCommunicator::tell_gave_up(int to) {
  const std::lock_guard lock(mutex_);
  send_notice(to, {Notice::Kind::gave_up, {}});
}

void MpiCommunicator::idle(int round) {
  if (spin_ && round < kSpins) return;
  if (round < kYields) {
    ::sched_yield();
    return;
  }
  ::usleep(round < 4 * kYields ? 20 : 200);
}

std::unique_ptr<Window> MpiCommunicator::window(size_t bytes) {
  agree_on_window(bytes);
  const auto group = my_node();
  MpiSharedMemory memory;
  {
    const std::lock_guard lock(mutex_);
    memory = allocate_shared(world_.node, bytes);
    windows_.push_back(memory.win);
  }
  // MPI does not promise zeros. Each rank clears a share, which also places those pages near it.
  const auto n = static_cast<size_t>(group.size()), i = static_cast<size_t>(me().node_rank);
  const size_t begin = bytes * i / n, end = bytes * (i + 1) / n;
  std::memset(memory.data + begin, 0, end - begin);
  agree_on_window(bytes);  // all shares are clear
  return std::make_unique<MpiWindow>(memory);
}

void MpiCommunicator::close() {
  if (closed_) return;
  barrier({.what = "the end of the job"});
  const std::lock_guard lock(mutex_);
  closed_ = true;
  check_mpi(MPI_Cancel(&listening_), "MPI_Cancel");
  check_mpi(MPI_Wait(&listening_, MPI_STATUS_IGNORE), "MPI_Wait");
  for (MPI_Win& win : windows_) check_mpi(MPI_Win_free(&win), "MPI_Win_free");
  check_mpi(MPI_Comm_free(&world_.node), "MPI_Comm_free");
  check_mpi(MPI_Comm_free(&world_.all), "MPI_Comm_free");
  if (world_.initialized_here) check_mpi(MPI_Finalize(), "MPI_Finalize");
}

void MpiCommunicator::say_goodbye(std::string_view why, double seconds) {
  Notice notice;
  const std::string sentence = first_cause(me(), why);
  sentence.copy(notice.sentence, sizeof notice.sentence - 1);
  for (int to = 0; to < size(); ++to)
    if (to != rank()) send_notice(to, notice);
  // All of that time, although the notices may have left: MPI_Abort kills the others, who want to
  // report too.
  const Deadline deadline = deadline_in(size() > 1 ? seconds : 0);
  while (Clock::now() < deadline) {
    int all = 0;
    check_mpi(
        MPI_Testall(static_cast<int>(saying_.size()), saying_.data(), &all, MPI_STATUSES_IGNORE),
        "MPI_Testall");
    ::usleep(1000);
  }
}

void MpiCommunicator::abort(std::string_view why, ExitCode code) noexcept {
  if (closed_ || !mpi_is_up()) return;
  // Another thread that hangs inside MPI holds the lock for ever; then the job ends without the
  // notices.
  const std::unique_lock lock(mutex_, std::try_to_lock);
  try {
    if (lock) say_goodbye(why, code == ExitCode::communication ? kLostGoodbye : kGoodbye);
  } catch (...) {  // the job ends either way
  }
  (void)MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
}

}  // namespace

std::unique_ptr<Communicator> make_mpi_communicator(int* argc, char*** argv) {
  return std::make_unique<MpiCommunicator>(start_mpi(argc, argv));
}

}  // namespace trireme
