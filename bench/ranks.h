#pragma once
// The protocol of serve.h for programs of several ranks on one node: rank 0 talks, the others
// follow. They sleep between two requests (a wait inside MPI would take a tenth of a core from the
// peer that is measured then).

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "comm/node_barrier.h"
#include "serve.h"

namespace trireme::bench {

class RankServer {
 public:
  // Every rank must call.
  explicit RankServer(Communicator& comm) : comm_(comm), window_(comm.window(sizeof(Shared))) {
    std::vector<int> rank_of_member;
    for (int r = 0; r < comm.size(); ++r) rank_of_member.push_back(r);
    barrier_ = std::make_unique<NodeBarrier>(&shared().barrier, comm.size(), comm.rank(),
                                             comm.members(), rank_of_member);
  }

  // Every rank must call. `run` is called on every rank; rank 0's seconds are the answer.
  void serve(const std::string& facts, const std::function<double(const Request&)>& run) {
    if (comm_.rank() == 0) {
      bench::serve(facts, [&](const Request& request) { return run(share(request)); });
      share({});
      return;
    }
    for (Request r = share({}); r.repetitions > 0; r = share({})) run(r);
  }

 private:
  static constexpr size_t kLine = 256;
  static constexpr double kPatience =
      3600;  // seconds between two requests: a peer may be compiling
  struct Shared {
    BarrierState barrier;
    char line[kLine];
  };
  Shared& shared() const { return *reinterpret_cast<Shared*>(window_->data()); }
  void meet() { barrier_->arrive_and_wait({kPatience, "the next request", -1}); }

  // Rank 0's request, everywhere.
  Request share(const Request& mine) {
    if (comm_.rank() == 0) {
      std::string line = mine.repetitions == 0 ? "quit" : "run " + std::to_string(mine.repetitions);
      for (const std::string& word : mine.words) line += " " + word;
      if (line.size() >= kLine)
        throw std::runtime_error("a request of " + std::to_string(line.size()) + " characters");
      std::memcpy(shared().line, line.c_str(), line.size() + 1);
    }
    meet();
    const Request request = parse_request(shared().line);
    meet();
    return request;
  }

  Communicator& comm_;
  std::unique_ptr<Window> window_;
  std::unique_ptr<NodeBarrier> barrier_;
};

// The main() of such a program: `run` with the world of its ranks; the exit code.
template <class Run>
int on_ranks(int argc, char** argv, Run run) {
  try {
    const auto comm = make_mpi_communicator(&argc, &argv);
    run(*comm);
    comm->close();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
    return 1;
  }
}

}  // namespace trireme::bench
