#include "ps/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "comm/thread_comm.h"

namespace trireme::ps {
namespace {

constexpr Wait kWait{20, "the test", -1};

Message question(int to, uint64_t sequence, std::span<const float> floats) {
  Message m;
  m.to = to;
  m.header.kind = static_cast<uint16_t>(Kind::push);
  m.header.worker = 0;
  m.header.sequence = sequence;
  m.payload = std::as_bytes(floats);
  seal(m);
  return m;
}

// All of `count` messages, in the order in which they came.
std::vector<Message> take(Link& link, size_t count) {
  std::vector<Message> messages;
  const Deadline deadline = deadline_in(20);
  while (messages.size() < count && Clock::now() < deadline) {
    Message m;
    if (link.receive(m)) messages.push_back(std::move(m));
    link.advance();
  }
  return messages;
}

void send_all(Link& link, std::vector<Message> messages) {
  for (Message& m : messages) link.send(std::move(m));
  while (link.sending()) link.advance();
}

TEST(Link, CarriesMessagesWithAndWithoutAPayloadInOrder) {
  run_thread_ranks(2, [](Communicator& comm) {
    const std::vector<float> floats = {1, 2, 3};
    Link link(comm, {1 - comm.rank()});
    if (comm.rank() == 0) {
      std::vector<Message> messages;
      messages.push_back(question(1, 1, {}));
      messages.push_back(question(1, 2, floats));
      messages.push_back(question(1, 3, {}));
      send_all(link, std::move(messages));
    } else {
      const auto got = take(link, 3);
      ASSERT_EQ(got.size(), 3U);
      for (size_t i = 0; i < 3; ++i) EXPECT_EQ(got[i].header.sequence, i + 1);
      EXPECT_THAT(values_of<float>(got[1]), testing::ElementsAre(1, 2, 3));
      EXPECT_TRUE(got[2].payload.empty());
      EXPECT_EQ(got[0].from, 0);
    }
    comm.barrier(kWait);
  });
}

TEST(Link, RefersToWhatTheOtherSideCanRead) {
  run_thread_ranks(2, [](Communicator& comm) {
    const NodeRegions regions(comm, 64, 20);
    auto* floats = reinterpret_cast<float*>(regions.mine());
    Link link(comm, {1 - comm.rank()}, {}, {}, &regions);
    if (comm.rank() == 0) {
      floats[3] = 5;
      std::vector<Message> messages;
      messages.push_back(question(1, 1, {floats + 2, 2}));
      send_all(link, std::move(messages));
      comm.barrier(kWait);
      return;
    }
    const auto got = take(link, 1);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_TRUE(got[0].lasts);
    EXPECT_EQ(got[0].payload.data(), regions.at(0, 8, 8).data());
    EXPECT_THAT(values_of<float>(got[0]), testing::ElementsAre(0, 5));
    comm.barrier(kWait);
  });
}

TEST(Link, RefusesAMessageThatSpeaksOfOtherMemory) {
  run_thread_ranks(2, [](Communicator& comm) {
    const NodeRegions regions(comm, 64, 20);
    Link link(comm, {1 - comm.rank()}, {}, {}, &regions);
    if (comm.rank() == 0) {
      Message sealed = question(1, 1, {});
      // As seal() would, but with a payload that is not there.
      const std::vector<float> floats(2);
      sealed.payload = std::as_bytes(std::span(floats));
      sealed.header.reference = 64;
      seal(sealed);
      sealed.payload = {};
      const Ticket t = comm.send(1, 400, std::as_bytes(std::span(&sealed.header, 1)));
      comm.wait(t, kWait);
    } else {
      const Deadline deadline = deadline_in(20);
      bool refused = false;
      while (!refused && Clock::now() < deadline) try {
          Message m;
          link.receive(m);
        } catch (const FormatError& e) {
          refused = true;
          EXPECT_THAT(e.what(), testing::HasSubstr("memory that it does not share"));
        }
      EXPECT_TRUE(refused);
    }
    comm.barrier(kWait);
  });
}

TEST(Link, OwesNothingOnceAMessageHasLeftThatOnlyComesAgain) {
  run_thread_ranks(2, [](Communicator& comm) {
    const bool sends = comm.rank() == 0;
    Link link(comm, {1 - comm.rank()}, {}, sends ? Faults{1, 8, 3} : Faults{});
    if (!sends) {
      const Deadline deadline = deadline_in(20);
      int count = 0;
      while (count < 2 && Clock::now() < deadline) {
        Message m;
        count += link.receive(m);
      }
      EXPECT_EQ(count, 2);
      return comm.barrier(kWait);
    }
    link.send(question(1, 1, {}));
    EXPECT_TRUE(link.owes());
    while (link.owes()) link.advance();
    EXPECT_TRUE(link.sending());
    while (link.sending()) link.advance();
    EXPECT_FALSE(link.owes());
    comm.barrier(kWait);
  });
}

TEST(Link, RepeatsAndReordersWhereItIsToldTo) {
  run_thread_ranks(2, [](Communicator& comm) {
    const Faults faults{0.5, 0.01, 3};
    Link link(comm, {1 - comm.rank()}, {}, comm.rank() == 0 ? faults : Faults{});
    constexpr uint64_t kMessages = 100;
    if (comm.rank() == 0) {
      for (uint64_t s = 1; s <= kMessages; ++s) {
        const float value = static_cast<float>(s);
        link.send(question(1, s, {&value, 1}));  // copied at once
      }
      while (link.sending()) link.advance();
      comm.barrier(kWait);
      return;
    }
    std::set<uint64_t> seen;
    size_t count = 0;
    bool reordered = false;
    uint64_t last = 0;
    const Deadline deadline = deadline_in(20);
    while (seen.size() < kMessages && Clock::now() < deadline) {
      Message m;
      if (!link.receive(m)) continue;
      ++count;
      reordered = reordered || m.header.sequence < last;
      last = m.header.sequence;
      EXPECT_EQ(values_of<float>(m)[0], static_cast<float>(m.header.sequence));
      seen.insert(m.header.sequence);
    }
    EXPECT_EQ(seen.size(), kMessages);
    EXPECT_GT(count, kMessages);
    EXPECT_TRUE(reordered);
    comm.barrier(kWait);
  });
}

}  // namespace
}  // namespace trireme::ps
