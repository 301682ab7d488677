#include "ps/server_core.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ps/cluster.h"

namespace trireme::ps {
namespace {

// One server of one worker, spoken to by hand.
class Server : public testing::Test {
 protected:
  Header question(Kind kind, uint64_t sequence) const {
    Header h;
    h.kind = static_cast<uint16_t>(kind);
    h.worker = h.server = 0;
    h.block = 0;
    h.sequence = sequence;
    return h;
  }
  void say(const Header& header, std::span<const float> floats = {}, int from = 0) {
    Message m;
    m.from = from;
    m.to = 1;
    m.header = header;
    m.payload = std::as_bytes(floats);
    seal(m);
    server().on_message(std::move(m), 1.5);
  }
  ServerCore& server() { return cluster_.server(0); }
  static ClusterSpec spec() {
    ClusterSpec s;
    s.workers = s.servers = 1;
    s.elements = 128;
    s.shards = 1;
    return s;
  }
  Cluster cluster_{spec()};
  std::vector<float> floats_ = std::vector<float>(128, -1);
};

TEST_F(Server, RefusesWhatIsNotForIt) {
  Header h = question(Kind::pull, 1);
  h.server = 3;
  EXPECT_THROW(say(h), FormatError);
  EXPECT_THROW(say(question(Kind::pull, 1), {}, 5), FormatError);
}

TEST_F(Server, RefusesAClockThatIsNotOpen) {
  Header h = question(Kind::push, 1);
  h.clock = 4;
  h.samples = 8;
  EXPECT_THROW(say(h, floats_), FormatError);
}

TEST_F(Server, RefusesGradientsOfAnotherSize) {
  Header h = question(Kind::push, 1);
  h.samples = 8;
  EXPECT_THROW(say(h, std::span(floats_).first(100)), FormatError);
  EXPECT_THROW(say(question(Kind::load, 2), std::span(floats_).first(100)), FormatError);
}

TEST_F(Server, RefusesCodedGradientsThatNobodyAgreedOnOrThatAreOfAnotherSize) {
  Header h = question(Kind::push, 1);
  h.samples = 8;
  h.flags = kCoded;
  EXPECT_THROW(say(h, floats_), FormatError);
  ClusterSpec coded = spec();
  coded.codec = {Codec::bf16};
  Cluster cluster(coded);
  Message m;
  m.from = 0;
  m.header = h;
  m.payload = std::as_bytes(std::span(floats_).first(63));
  EXPECT_THROW(cluster.server(0).on_message(std::move(m), 0), FormatError);
}

TEST_F(Server, RefusesBuffersThatThereAreNot) {
  Header h = question(Kind::fetch, 1);
  h.buffer = 2;
  EXPECT_THROW(say(h), FormatError);
}

TEST_F(Server, RefusesAVerdictBeforeTheGradients) {
  EXPECT_THROW(say(question(Kind::commit, 1)), FormatError);
}

TEST_F(Server, RefusesScalesOfTablesThatItDoesNotHave) {
  Header h = question(Kind::push, 1);
  h.samples = 8;
  say(h, floats_);
  EXPECT_THROW(say(question(Kind::commit, 2), std::span(floats_).first(1)), FormatError);
}

TEST_F(Server, RefusesAPieceThatNobodyAwaits) {
  Header h = question(Kind::push, 1);
  h.samples = 8;
  h.piece_level = 1;
  EXPECT_THROW(say(h, floats_), FormatError);
}

TEST_F(Server, RefusesAnswersAsQuestions) {
  EXPECT_THROW(say(question(Kind::pulled, 1)), FormatError);
}

TEST_F(Server, LeavesMessagesOfEarlierRunsAlone) {
  ServerConfig config;
  config.generation = 2;
  config.runs = {{0, 1}};
  ParamTable params({Slot{"w", Shape({128}), Shape({128}), {}, 0, 128, {}, 0, 0}});
  OptimizerConfig sgd{};
  sgd.name = "sgd";
  const Optimizer optimizer(sgd);
  const Placement placement(params.size(), 1, kChunk);
  ServerCore later(config, cpu_kernels(), optimizer, params, placement);
  Message m;
  m.from = 0;
  m.header = question(Kind::load, 1);
  m.header.generation = 1;
  m.payload = std::as_bytes(std::span(floats_));
  later.on_message(std::move(m), 0);
  EXPECT_EQ(later.counts().of_earlier_runs, 1);
  EXPECT_EQ(later.store().values(0, kWeights)[5], 0.0f);
}

TEST_F(Server, KnowsWhomItWaitsFor) {
  ClusterSpec two = spec();
  two.workers = 2;
  two.shards = 2;
  Cluster cluster(two);
  EXPECT_FALSE(cluster.server(0).awaited());
  Message m;
  m.from = 0;
  m.header = question(Kind::push, 1);
  m.header.samples = 8;
  m.payload = std::as_bytes(std::span(floats_));
  cluster.server(0).on_message(std::move(m), 2.5);
  const auto awaited = cluster.server(0).awaited();
  ASSERT_TRUE(awaited);
  EXPECT_EQ(awaited->workers, std::vector<int>{1});
  EXPECT_EQ(awaited->what, "gradients");
  EXPECT_EQ(awaited->since, 2.5);
}

}  // namespace
}  // namespace trireme::ps
