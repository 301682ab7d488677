#pragma once
// What the ranks of thread_comm share: mailboxes, node memory, and the first failure. All calls
// lock.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"

namespace trireme {

// Zeroed memory that starts at a page.
class ThreadMemory {
 public:
  explicit ThreadMemory(size_t bytes);
  std::byte* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept;
  };
  size_t size_;
  std::unique_ptr<std::byte, Free> data_;
};

// A receive that was posted. `received`: length of the message, which may differ from the room for
// it.
struct PostedReceive {
  int from, tag;
  MutableBytes into;
  std::optional<size_t> received;
};

class ThreadWorld {
 public:
  explicit ThreadWorld(std::vector<Member> members);
  const std::vector<Member>& members() const { return members_; }

  // Copies the bytes: a send is done when it returns. Messages of one sender and tag arrive in
  // order.
  void deliver(int from, int to, int tag, Bytes data);
  void post(int rank, std::shared_ptr<PostedReceive> receive);
  void withdraw(int rank, const PostedReceive* receive) noexcept;
  bool done(const PostedReceive& receive);

  // Returns when something happened for `rank` since its last call, or after a millisecond.
  void pause(int rank);

  void fail(int rank, std::string_view why);  // the first one counts
  std::string failure();                      // its sentence; empty: none
  void leave(int rank);
  bool has_left(int rank);
  void give_up(int told, int by);
  std::optional<int> take_gave_up(int rank);  // who told `rank` that its deadline passed

  // The `index`-th window of a node; whoever asks first makes it.
  std::shared_ptr<ThreadMemory> window(int node, size_t index, size_t bytes);

 private:
  struct Letter {
    int from, tag;
    std::vector<std::byte> bytes;
  };
  struct Seat {
    std::deque<Letter> unread;
    std::deque<std::shared_ptr<PostedReceive>> posted;
    uint64_t events = 0, seen = 0;
    bool left = false;
    std::optional<int> gave_up;
  };
  static void hand_over(PostedReceive& receive, Bytes bytes);
  void tell_all();

  const std::vector<Member> members_;
  std::mutex mutex_;
  std::condition_variable happened_;
  std::vector<Seat> seats_;
  std::string failure_;
  std::vector<std::vector<std::shared_ptr<ThreadMemory>>>
      windows_;  // by node, in order of creation
};

// One rank of `world`, which outlives it.
std::unique_ptr<Communicator> make_thread_communicator(std::shared_ptr<ThreadWorld> world,
                                                       int rank);

}  // namespace trireme
