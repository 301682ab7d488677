#pragma once
// Ranks that talk. One driving thread at a time; every rank makes the same calls in the same order.
// Every wait has a deadline and a sentence.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace trireme {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

// The sentence of a wait that did not end: "rank 2 (host b) waited 300 s for <what> at step 17".
struct Wait {
  double seconds = 300;
  std::string_view what;  // must live as long as the wait
  int64_t step = -1;
};

struct Member {  // one rank
  int rank = 0;
  std::string host;
  int64_t pid = 0;
  int node = 0;       // index of the host, in order of first rank
  int node_rank = 0;  // position among the ranks of its node
};

class Window;

// An operation under way. Owned by the communicator; valid until wait() returned.
using Ticket = uint64_t;

class Communicator {
 public:
  virtual ~Communicator() = default;  // never collective, never throws
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::span<const Member> members() const = 0;

  // Collectives over all ranks, host memory. Small data: start-up, verdicts, names.
  virtual void barrier(const Wait&) = 0;
  virtual void broadcast(MutableBytes data, int root, const Wait&) = 0;
  // Every rank's bytes, by rank; lengths may differ.
  virtual std::vector<std::vector<std::byte>> all_gather(Bytes mine, const Wait&) = 0;

  // Point to point, any size; both sides name the same size. `tag` < 2^15. The bytes stay valid
  // until wait() returned or test() gave true; messages of one sender and tag arrive in order.
  virtual Ticket send(int to, int tag, Bytes data) = 0;
  virtual Ticket receive(int from, int tag, MutableBytes data) = 0;
  // Throws CommError naming the peer that is missing, died, or failed (its reason). After any
  // CommError only abort() and the destructor make sense.
  virtual void wait(Ticket, const Wait&) = 0;
  virtual bool test(Ticket) = 0;  // true: done, and the ticket is spent

  // For who polls several operations with test() instead of wait(). check() now and then throws
  // what a wait() for `open` that began at `since` would throw by now; idle() after the `round`-th
  // look in a row that found nothing spins, yields or sleeps; cancel(), after an error, lets go of
  // an operation's bytes (MPI cannot take back what has already met its other side).
  virtual void check(std::span<const Ticket> open, const Wait&, Clock::time_point since) = 0;
  virtual void idle(int round) = 0;
  virtual void cancel(Ticket) noexcept = 0;

  // Memory shared by the ranks of this node (collective over the node; same `bytes` everywhere).
  // Zeroed, starts on a cache line. It stays until close(), and must not be touched after it.
  virtual std::unique_ptr<Window> window(size_t bytes) = 0;

  virtual void close() = 0;  // the normal end; collective; once
  // The error end: tells the others why, as far as possible, and never waits for their answer.
  // Under MPI it ends the job with exit code `code` and does not return: after 0.3 s, in which the
  // others may report; with ExitCode::communication after 3 s, because the rank that failed first
  // may still be on its way here, and its code shall be the job's.
  virtual void abort(std::string_view why, ExitCode code) noexcept = 0;
};

// Shared memory of one node. Mapped at possibly different addresses in each rank.
class Window {
 public:
  virtual ~Window() = default;
  virtual std::byte* data() const = 0;
  virtual size_t size() const = 0;
};

// MPI. Initialises it (MPI_THREAD_SERIALIZED); a program started without mpirun is a world of one.
std::unique_ptr<Communicator> make_mpi_communicator(int* argc, char*** argv);
// True when started by mpirun or srun (environment); lets rank-free commands avoid MPI altogether.
bool launched_by_mpi();
// A world of one, without MPI.
std::unique_ptr<Communicator> make_local_communicator();

}  // namespace trireme
