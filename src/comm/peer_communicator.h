#pragma once
// Collectives and waits over point to point messages, so that every wait knows who is missing.
// MPI's own collectives cannot tell.
//
// A collective gathers to the first rank of its group, which answers everybody: with the result, or
// with the sentence of its error, so that all ranks report the same cause. A rank whose deadline
// passes first tells the first rank, which then stops waiting and answers with the names of those
// it lacks. Data is small here: 2(n-1) messages, all of them through the first rank.
//
// After a CommError the communicator is good for abort() and destruction only.

#include "comm/communicator.h"

namespace trireme {

// Why waiting on is in vain, or should end.
struct Trouble {
  enum class Kind {
    none,
    died,     // a process has gone; the sentence names it
    failed,   // somebody reported a first cause; the sentence is that
    gave_up,  // another rank's deadline passed for the same wait
  };
  Kind kind = Kind::none;
  std::string sentence;
};

class PeerCommunicator : public Communicator {
 public:
  int rank() const final { return rank_; }
  int size() const final { return static_cast<int>(members_.size()); }
  std::span<const Member> members() const final { return members_; }

  void barrier(const Wait& wait) final;
  void broadcast(MutableBytes data, int root, const Wait& wait) final;
  std::vector<std::vector<std::byte>> all_gather(Bytes mine, const Wait& wait) final;
  Ticket send(int to, int tag, Bytes data) final;
  Ticket receive(int from, int tag, MutableBytes data) final;
  void wait(Ticket ticket, const Wait& wait) final { wait_all({ticket}, wait); }
  void check(std::span<const Ticket> open, const Wait& wait, Clock::time_point since) final;

 protected:
  // Tags of this class; users' tags are below them.
  static constexpr int kHeaderTag = 1 << 15, kPayloadTag = kHeaderTag + 1,
                       kNoticeTag = kHeaderTag + 2;
  enum class Op : uint32_t { barrier, all_gather, broadcast, window, error };

  void set_members(int rank, std::vector<Member> members);
  const Member& me() const { return members_[static_cast<size_t>(rank_)]; }
  std::vector<int> my_node() const;  // ranks of my node, ascending
  // The ranks of my node meet. Throws CommError when they ask for windows of different sizes.
  void agree_on_window(size_t bytes);

  // Every rank of `group` calls: each gets the bytes of each, in the group's order.
  std::vector<std::vector<std::byte>> exchange(Op op, std::span<const int> group, Bytes mine,
                                               const Wait& wait);

  // What a transport gives. Any tag; the bytes stay valid until test() returned true or cancel()
  // was called.
  virtual Ticket post_send(int to, int tag, Bytes data) = 0;
  virtual Ticket post_receive(int from, int tag, MutableBytes data) = 0;
  virtual int peer_of(Ticket ticket) const = 0;
  virtual Trouble look_for_trouble(std::span<const Ticket> open) = 0;
  virtual void tell_gave_up(int to) = 0;  // best effort, does not wait

 private:
  struct Frame;

  void wait_all(std::vector<Ticket> open, const Wait& wait);
  std::vector<Ticket> wait_until(std::vector<Ticket> open, const Wait& wait, Deadline deadline);
  [[noreturn]] void throw_trouble(const Trouble& trouble, const Wait& wait) const;
  [[noreturn]] void throw_missing(std::span<const Ticket> open, const Wait& wait, double seconds);
  std::vector<std::vector<std::byte>> lead(Op op, std::span<const int> group, Bytes mine,
                                           const Wait& wait);
  void collect(Op op, std::span<const int> group, std::vector<std::vector<std::byte>>& all,
               const Wait& wait);
  std::vector<std::byte> follow(Op op, int leader, Bytes mine, const Wait& wait);
  std::vector<std::byte> receive_answer(Op op, int from, const Wait& wait);
  void post_frame(int to, Op op, Bytes data, std::vector<Ticket>& tickets);
  void send_error(std::span<const int> group, std::string_view sentence) noexcept;
  std::span<std::byte> keep(std::vector<std::byte> bytes);

  int rank_ = 0;
  std::vector<Member> members_;
  Trouble noticed_;  // by check()
  // Bytes of frames under way. Freed when their collective ended well; after an error they stay,
  // because the transport may still touch them.
  std::vector<std::vector<std::byte>> kept_;
};

}  // namespace trireme
