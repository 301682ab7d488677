// A forward pass that begins while weights still travel from the servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "comm/thread_comm.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

using testing::HasSubstr;

// A server that keeps the last block of one clock's weights to itself until it is let go.
struct HoldingServer {
  int64_t clock = 2;
  std::atomic<bool> let_go{false};
  std::atomic<bool> over{false};  // the job failed

  void serve(ps::ServerCore& core, ps::Link& link) {
    std::vector<ps::Message> held;
    while (!over && (!core.finished() || link.owes())) {
      link.advance();
      for (ps::Message m; link.receive(m);) core.on_message(std::move(m), 0);
      for (ps::Message m; core.poll(m);) {
        const bool last = m.kind() == ps::Kind::pulled && m.header.block == 0 &&
                          static_cast<int64_t>(m.header.clock) == clock;
        if (last)
          held.push_back(std::move(m));
        else
          link.send(std::move(m));
      }
      for (ps::Message& m : held)
        if (let_go && m.to >= 0) link.send(std::move(std::exchange(m, {})));
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
};

MadeUpTraining held_by(HoldingServer& server, ps::Mode mode, int lanes) {
  MadeUpTraining training;
  training.servers = 1;
  training.lanes = lanes;
  training.bucket = kChunk;
  training.consistency = {mode, 1};
  training.serve_with = [&](ps::ServerCore& core, ps::Link& link) { server.serve(core, link); };
  return training;
}

// Only forward lets the block go: whoever waits for it before that waits for ever.
TEST(EarlyForward, RunsItsFirstLayersBeforeTheLastBlockHasCome) {
  for (const ps::Mode mode : {ps::Mode::sync, ps::Mode::bounded, ps::Mode::async})
    for (const int lanes : {1, 3}) {
      HoldingServer server;
      MadeUpTraining training = held_by(server, mode, lanes);
      std::atomic<int> early{0};
      training.within_forward = [&](NodeExchange& exchange, const MadeUpTraining::Moment& moment) {
        if (moment.step != server.clock || moment.slots_done != 1) return;
        early += !exchange.weights_are_here();
        if (early == lanes) server.let_go = true;
      };
      const Outcome outcome = training.run(2);
      EXPECT_EQ(early, lanes);
      training.serve_with = {};
      training.within_forward = {};
      EXPECT_EQ(outcome, training.run(2));
      if (mode != ps::Mode::sync) continue;
      training.servers = 0;
      EXPECT_EQ(outcome, training.run(1));
    }
}

TEST(EarlyForward, NamesTheServerWhoseWeightsDoNotCome) {
  HoldingServer server;
  MadeUpTraining training = held_by(server, ps::Mode::sync, 2);
  training.timeout = 0.3;
  std::string said;
  run_thread_ranks(2, [&](Communicator& comm) {
    try {
      training.run(comm);
    } catch (const Error& e) {
      if (comm.rank() == 0) said = e.what();
      server.over = true;
      comm.abort(e.what(), e.code());
    }
  });
  EXPECT_THAT(said, HasSubstr("no answer from rank 1"));
  EXPECT_THAT(said, HasSubstr("pull of 1"));
  EXPECT_THAT(said, HasSubstr("at step 2"));
}

// Blocks overtake each other.
TEST(EarlyForward, GivesTheBitsOfAnAllReduceInWhateverOrderBlocksCome) {
  MadeUpTraining training;
  training.bucket = kChunk;
  const Outcome reference = training.run(1);
  training.lanes = 2;
  std::atomic<int> early{0};
  training.within_forward = [&](NodeExchange& exchange, const MadeUpTraining::Moment&) {
    early += !exchange.weights_are_here();
  };
  training.servers = 2;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    training.faults = {0.2, 0.004, seed};
    EXPECT_EQ(training.run(4), reference) << "seed " << seed;
  }
  EXPECT_GT(early, 0);
}

}  // namespace
}  // namespace trireme::test
