#include "comm/thread_comm.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <map>
#include <thread>

#include "base/error.h"
#include "comm/peer_communicator.h"
#include "comm/sentence.h"
#include "comm/thread_world.h"

namespace trireme {
namespace {

class ThreadWindow : public Window {
 public:
  explicit ThreadWindow(std::shared_ptr<ThreadMemory> memory) : memory_(std::move(memory)) {}
  std::byte* data() const override { return memory_->data(); }
  size_t size() const override { return memory_->size(); }

 private:
  std::shared_ptr<ThreadMemory> memory_;  // shared: whichever rank drops it last frees it
};

class ThreadCommunicator : public PeerCommunicator {
 public:
  ThreadCommunicator(std::shared_ptr<ThreadWorld> world, int rank) : world_(std::move(world)) {
    set_members(rank, world_->members());
  }

  bool test(Ticket ticket) override {
    const Operation& op = open_.at(ticket);
    if (op.receive && !world_->done(*op.receive)) return false;
    const auto finished = open_.extract(ticket).mapped();
    if (finished.receive && *finished.receive->received != finished.receive->into.size())
      throw CommError(fmt::format("{} expected {} bytes with tag {} from rank {}, got {}",
                                  name(me()), finished.receive->into.size(), finished.receive->tag,
                                  finished.peer, *finished.receive->received));
    return true;
  }

  std::unique_ptr<Window> window(size_t bytes) override {
    agree_on_window(bytes);
    return std::make_unique<ThreadWindow>(world_->window(me().node, windows_++, bytes));
  }

  void close() override { barrier({.what = "the end of the job"}); }
  void abort(std::string_view why, ExitCode) noexcept override {
    try {
      world_->fail(rank(), why);
    } catch (...) {  // no memory for the sentence: the others see that this rank left
    }
  }

 protected:
  Ticket post_send(int to, int tag, Bytes data) override {
    world_->deliver(rank(), to, tag, data);
    open_[++last_] = {to, nullptr};
    return last_;
  }
  Ticket post_receive(int from, int tag, MutableBytes data) override {
    auto receive = std::make_shared<PostedReceive>(PostedReceive{from, tag, data, std::nullopt});
    world_->post(rank(), receive);
    open_[++last_] = {from, std::move(receive)};
    return last_;
  }
  int peer_of(Ticket ticket) const override { return open_.at(ticket).peer; }
  void cancel(Ticket ticket) noexcept override {
    const auto found = open_.find(ticket);
    if (found == open_.end()) return;
    if (found->second.receive) world_->withdraw(rank(), found->second.receive.get());
    open_.erase(found);
  }
  Trouble look_for_trouble(std::span<const Ticket> open) override {
    // Who left is asked first: a rank that fails says so before it leaves.
    const auto left = std::find_if(open.begin(), open.end(),
                                   [&](Ticket t) { return world_->has_left(peer_of(t)); });
    if (auto sentence = world_->failure(); !sentence.empty())
      return {Trouble::Kind::failed, std::move(sentence)};
    if (left != open.end())
      return {Trouble::Kind::died, name(members()[static_cast<size_t>(peer_of(*left))]) + " ended"};
    if (world_->take_gave_up(rank())) return {Trouble::Kind::gave_up, {}};
    return {};
  }
  void tell_gave_up(int to) override { world_->give_up(to, rank()); }
  void idle(int) override { world_->pause(rank()); }

 private:
  struct Operation {
    int peer = 0;
    std::shared_ptr<PostedReceive>
        receive;  // shared with the world's mailbox; null: a send, done already
  };
  std::shared_ptr<ThreadWorld> world_;
  std::map<Ticket, Operation> open_;
  Ticket last_ = 0;
  size_t windows_ = 0;
};

std::vector<Member> thread_members(int n, const std::vector<int>& nodes) {
  std::vector<Member> members;
  std::map<int, int> ranks_on_node;
  for (int rank = 0; rank < n; ++rank) {
    const int node = nodes.empty() ? 0 : nodes.at(static_cast<size_t>(rank));
    members.push_back(
        {rank, "node" + std::to_string(node), ::getpid(), node, ranks_on_node[node]++});
  }
  return members;
}

}  // namespace

std::unique_ptr<Communicator> make_thread_communicator(std::shared_ptr<ThreadWorld> world,
                                                       int rank) {
  return std::make_unique<ThreadCommunicator>(std::move(world), rank);
}

std::unique_ptr<Communicator> make_local_communicator() {
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '?';
  std::vector<Member> members{{0, host, ::getpid(), 0, 0}};
  return make_thread_communicator(std::make_shared<ThreadWorld>(std::move(members)), 0);
}

void run_thread_ranks(int n, const std::function<void(Communicator&)>& body,
                      std::vector<int> nodes) {
  const auto world = std::make_shared<ThreadWorld>(thread_members(n, nodes));
  std::vector<std::exception_ptr> errors(static_cast<size_t>(n));
  const auto run = [&](int rank) {
    try {
      body(*make_thread_communicator(world, rank));
    } catch (const std::exception& e) {
      errors[static_cast<size_t>(rank)] = std::current_exception();
      world->fail(rank, e.what());
    } catch (...) {
      errors[static_cast<size_t>(rank)] = std::current_exception();
      world->fail(rank, "an exception that is no std::exception");
    }
    world->leave(rank);
  };
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < n; ++rank) threads.emplace_back(run, rank);
  threads.clear();  // joins
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace trireme
