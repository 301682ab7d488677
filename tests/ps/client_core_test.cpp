#include "ps/client_core.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace trireme::ps {
namespace {

// A worker that is answered by hand: three blocks on one server, or on two.
class Client {
 public:
  explicit Client(int servers)
      : placement_(3 * kChunk, servers, kChunk),
        weights_(3 * kChunk),
        core_({}, placement_, weights_.data()) {
    core_.pull(1, 1, false);
    for (Message m; core_.poll(m);) questions_.push_back(m.header);
  }
  void answer(int block) {
    Header h;
    for (const Header& question : questions_)
      if (question.server == placement_.block(block).server) h = question;
    h.kind = static_cast<uint16_t>(Kind::pulled);
    h.block = block;
    h.flags = kApplied | kFinite;
    h.grad_norm = 3;
    const std::vector<float> floats(kChunk, static_cast<float>(block));
    Message m{1, 0, h, std::as_bytes(std::span(floats)), {}};
    seal(m);
    core_.on_message(std::move(m));
  }
  ClientCore& core() { return core_; }
  int64_t begin_of(int block) const { return placement_.block(block).range.begin; }

 private:
  Placement placement_;
  std::vector<float> weights_;
  ClientCore core_;
  std::vector<Header> questions_;
};

TEST(Client, KnowsTheVerdictFromTheFirstBlockOfEachServer) {
  Client client(1);
  EXPECT_FALSE(client.core().concluded());
  client.answer(2);
  EXPECT_TRUE(client.core().concluded());
  EXPECT_EQ(client.core().result().verdict, kApplied | kFinite);
  EXPECT_EQ(client.core().result().grad_norm, 3);
  EXPECT_FALSE(client.core().idle());
  Client of_two(2);
  of_two.answer(2);
  EXPECT_FALSE(of_two.core().concluded());
  of_two.answer(1);
  EXPECT_TRUE(of_two.core().concluded());
}

TEST(Client, CountsWeightsFromTheEndHoweverTheyCome) {
  Client client(1);
  EXPECT_EQ(client.core().weights_from(), 3 * kChunk);
  client.answer(0);
  EXPECT_EQ(client.core().weights_from(), 3 * kChunk);
  client.answer(2);
  client.answer(2);  // repeated
  EXPECT_EQ(client.core().weights_from(), client.begin_of(2));
  client.answer(1);
  EXPECT_EQ(client.core().weights_from(), 0);
  EXPECT_TRUE(client.core().idle());
  client.core().pull(2, 2, false);
  EXPECT_EQ(client.core().weights_from(), 3 * kChunk);
}

}  // namespace
}  // namespace trireme::ps
