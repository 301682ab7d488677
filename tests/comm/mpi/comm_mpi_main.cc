// comm_mpi CASE: one rank of a job that mpi_tests.cmake starts with mpirun. Prints "rank R: ok"
// when the case went as it should, or "rank R: SENTENCE" when a wait threw.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <thread>

#include "base/error.h"
#include "comm/ballot.h"
#include "comm/comm_test_tools.h"
#include "comm/communicator.h"
#include "comm/node_barrier.h"

namespace trireme {
namespace {

const Wait kWait{.seconds = 30, .what = "the test"};

void expect(bool holds, const char* what) {
  if (!holds) throw Error(ExitCode::failure, std::string("wrong: ") + what, {});
}

void collectives(Communicator& c) {
  for (int i = 0; i < 100; ++i) c.barrier(kWait);
  for (int root = 0; root < c.size(); ++root) {
    auto data = filled(100000, c.rank() == root ? root + 1 : 99);
    c.broadcast(data, root, kWait);
    expect(data == filled(100000, root + 1), "broadcast");
  }
  const auto all = c.all_gather(filled(static_cast<size_t>(c.rank()) * 50000, c.rank()), kWait);
  for (int r = 0; r < c.size(); ++r)
    expect(all[static_cast<size_t>(r)] == filled(static_cast<size_t>(r) * 50000, r), "all_gather");
}

void messages(Communicator& c) {
  const int to = (c.rank() + 1) % c.size(), from = (c.rank() + c.size() - 1) % c.size();
  const auto small_out = filled(5, c.rank()), large_out = filled(5000000, c.rank());
  std::vector<std::byte> small_in(5), large_in(5000000);
  const Ticket receive_small = c.receive(from, 2, small_in),
               receive_large = c.receive(from, 1, large_in);
  const Ticket send_large = c.send(to, 1, large_out), send_small = c.send(to, 2, small_out);
  for (Ticket t : {receive_large, receive_small, send_small, send_large}) c.wait(t, kWait);
  expect(small_in == filled(5, from) && large_in == filled(5000000, from), "messages");
}

void windows(Communicator& c) {
  const size_t bytes = 3000001;
  const auto window = c.window(bytes);
  for (size_t i = 0; i < bytes; ++i) expect(window->data()[i] == std::byte{0}, "a window is zero");
  c.barrier(kWait);
  window->data()[c.rank()] = static_cast<std::byte>(c.rank() + 1);
  c.barrier(kWait);
  int on_node = 0;
  for (const Member& m : c.members())
    if (m.node == c.members()[static_cast<size_t>(c.rank())].node && ++on_node)
      expect(window->data()[m.rank] == static_cast<std::byte>(m.rank + 1), "a window is shared");
  const auto state = c.window(sizeof(BarrierState));
  std::vector<Member> ranks;
  std::vector<int> rank_of_member;
  for (const Member& m : c.members())
    if (m.node == c.members()[static_cast<size_t>(c.rank())].node) {
      ranks.push_back(m);
      rank_of_member.push_back(m.rank);
    }
  NodeBarrier barrier(reinterpret_cast<BarrierState*>(state->data()), on_node,
                      c.members()[static_cast<size_t>(c.rank())].node_rank, ranks, rank_of_member);
  for (int i = 0; i < 1000; ++i) barrier.arrive_and_wait(kWait);
}

std::string result(Communicator& c, Ballot& ballot) {
  const auto since = Clock::now();
  for (int round = 0; !ballot.decided(); ++round) {
    c.check(ballot.open(), kWait, since);
    c.idle(round);
  }
  return ballot.failure();
}

void ballots(Communicator& c) {
  for (int i = 0; i < 100; ++i) {
    Ballot ballot(c);
    ballot.cast("");
    expect(result(c, ballot).empty(), "a ballot without failures");
  }
}

void outvoted(Communicator& c) {
  Ballot ballot(c);
  if (c.rank() == c.size() - 1) ballot.cast("no memory");
  throw CommError(result(c, ballot));
}

void members(Communicator& c) {
  expect(c.members().size() == static_cast<size_t>(c.size()), "one member a rank");
  const Member& me = c.members()[static_cast<size_t>(c.rank())];
  expect(me.rank == c.rank() && me.pid == ::getpid() && !me.host.empty(), "my member");
  c.barrier(kWait);
}

void good(Communicator& c) {
  members(c);
  collectives(c);
  messages(c);
  windows(c);
  ballots(c);
}

void last_is(Communicator& c, const std::function<void()>& fate, const Wait& wait) {
  c.barrier(kWait);
  if (c.rank() == c.size() - 1) fate();
  c.barrier(wait);
}

void killed(Communicator& c) {
  last_is(c, [] { ::raise(SIGKILL); }, {.seconds = 30, .what = "the verdict", .step = 5});
}
void exits(Communicator& c) {
  last_is(c, [] { ::_exit(0); }, {.seconds = 30, .what = "the verdict", .step = 5});
}
void hangs(Communicator& c) {
  last_is(c, [] { std::this_thread::sleep_for(std::chrono::seconds(60)); },
          {.seconds = 2, .what = "the verdict", .step = 5});
}
void throws(Communicator& c) {
  last_is(c, [] { throw DataError("batch 12 is corrupt"); },
          {.seconds = 30, .what = "the verdict", .step = 5});
}

void killed_in_barrier(Communicator& c) {
  const auto window = c.window(sizeof(BarrierState));
  std::vector<int> rank_of_member(static_cast<size_t>(c.size()));
  for (int r = 0; r < c.size(); ++r) rank_of_member[static_cast<size_t>(r)] = r;
  NodeBarrier barrier(reinterpret_cast<BarrierState*>(window->data()), c.size(), c.rank(),
                      c.members(), rank_of_member);
  barrier.arrive_and_wait(kWait);
  if (c.rank() == c.size() - 1) ::raise(SIGKILL);
  barrier.arrive_and_wait({.seconds = 30, .what = "all-reduce", .step = 5});
}

int run(int argc, char** argv) {
  const std::map<std::string, void (*)(Communicator&)> cases{
      {"good", good},        {"killed", killed}, {"exits", exits},
      {"hangs", hangs},      {"throws", throws}, {"killed_in_barrier", killed_in_barrier},
      {"outvoted", outvoted}};
  const auto comm = make_mpi_communicator(&argc, &argv);
  try {
    cases.at(argc > 1 ? argv[1] : "good")(*comm);
    comm->close();
    std::printf("rank %d: ok\n", comm->rank());
    return 0;
  } catch (const Error& e) {
    std::printf("rank %d: %s\n", comm->rank(), e.what());
    std::fflush(stdout);
    comm->abort(e.what(), e.code());
    return 1;
  }
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) { return trireme::run(argc, argv); }
