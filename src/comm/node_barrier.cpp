#include "comm/node_barrier.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "comm/futex.h"
#include "comm/sentence.h"

namespace trireme {
namespace {

constexpr int kSpins = 4000;     // about 100 microseconds
constexpr int kYields = 4;       // then the futex
constexpr int kPatience = 1000;  // yields

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

NodeBarrier::NodeBarrier(BarrierState* state, int members, int me, std::span<const Member> ranks,
                         std::span<const int> rank_of_member)
    : state_(state),
      members_(members),
      me_(me),
      ranks_(ranks.begin(), ranks.end()),
      rank_of_member_(rank_of_member.begin(), rank_of_member.end()),
      spins_(members > ::sysconf(_SC_NPROCESSORS_ONLN) ? 0 : kSpins),
      watch_(ranks) {
  if (members < 1 || members > kMaxBarrierMembers || me < 0 || me >= members ||
      rank_of_member_.size() != static_cast<size_t>(members))
    throw CommError(fmt::format("a node barrier of {} lanes ({} of them with a rank) cannot have "
                                "lane {}; {} is the most",
                                members, rank_of_member_.size(), me, kMaxBarrierMembers),
                    "lower run.lanes");
}

void NodeBarrier::arrive_and_wait(const Wait& wait) {
  check();
  auto& last_step = state_->last_step[me_];
  if (last_step.load(std::memory_order_relaxed) != wait.step)
    last_step.store(wait.step, std::memory_order_relaxed);
  const uint32_t generation = state_->generation.load(std::memory_order_acquire);
  state_->last_seen[me_].store(generation + 1, std::memory_order_relaxed);
  if (state_->arrived.fetch_add(1, std::memory_order_acq_rel) + 1 ==
      static_cast<uint32_t>(members_)) {
    state_->arrived.store(0, std::memory_order_relaxed);  // nobody arrives before the next line
    state_->generation.store(generation + 1, std::memory_order_seq_cst);
    if (state_->sleepers.load(std::memory_order_seq_cst) > 0) futex_wake_all(state_->generation);
    return;
  }
  for (int i = 0; i < spins_; ++i) {
    if (passed(generation)) return;
    relax();
  }
  for (int i = 0; i < kYields; ++i) {
    if (passed(generation)) return;
    ::sched_yield();
  }
  sleep_until_passed(generation, wait);
}

bool NodeBarrier::passed(uint32_t generation) const {
  return state_->generation.load(std::memory_order_acquire) != generation;
}

void NodeBarrier::sleep_until_passed(uint32_t generation, const Wait& wait) {
  const Deadline deadline = deadline_in(wait.seconds);
  while (!passed(generation)) {
    check();
    state_->sleepers.fetch_add(1, std::memory_order_seq_cst);
    futex_wait(state_->generation, generation);
    state_->sleepers.fetch_sub(1, std::memory_order_seq_cst);
    if (passed(generation)) return;
    check();
    const Member* dead = watch_.dead();
    // It may have died after the barrier was complete: then this lane goes on, and the next wait
    // reports it.
    if (passed(generation)) return;
    if (dead) report_death(*dead, wait);
    if (Clock::now() >= deadline) report_deadline(generation, wait);
  }
}

void NodeBarrier::check() const {
  if (state_->failed.load(std::memory_order_acquire) == 0) return;
  throw CommError(std::string(state_->reason, ::strnlen(state_->reason, sizeof state_->reason)));
}

void NodeBarrier::fail(std::string_view why) noexcept {
  try {
    publish(first_cause(member(me_), why));
  } catch (...) {  // no memory for the sentence
    publish("a rank failed, and had no memory left to say why");
  }
}

void NodeBarrier::publish(std::string_view sentence) noexcept {
  if (state_->claimed.exchange(1, std::memory_order_acq_rel) == 0) {
    const size_t n = std::min(sentence.size(), sizeof state_->reason - 1);
    std::memcpy(state_->reason, sentence.data(), n);
    state_->reason[n] = '\0';
    state_->failed.store(1 + static_cast<uint32_t>(rank_of_member_[static_cast<size_t>(me_)]),
                         std::memory_order_release);
  }
  // Whoever lost the race still reports the winner's sentence: it is a copy of a few bytes away.
  for (int i = 0; i < kPatience && state_->failed.load(std::memory_order_acquire) == 0; ++i)
    ::sched_yield();
  futex_wake_all(state_->generation);
}

void NodeBarrier::report_death(const Member& dead, const Wait& wait) {
  const std::string sentence = fmt::format("{} died; {} waited for {}", name_with_pid(dead),
                                           name(member(me_)), awaited(wait));
  publish(sentence);
  check();  // another lane may have been first
  throw CommError(sentence);
}

void NodeBarrier::report_deadline(uint32_t generation, const Wait& wait) {
  std::string missing;
  for (int lane = 0; lane < members_; ++lane) {
    if (state_->last_seen[lane].load(std::memory_order_relaxed) == generation + 1) continue;
    missing += fmt::format("{}{} lane {} (last seen at step {})", missing.empty() ? "" : ", ",
                           name_with_pid(member(lane)), lane_in_rank(lane),
                           state_->last_step[lane].load(std::memory_order_relaxed));
  }
  const std::string sentence =
      waited(member(me_), wait, wait.seconds) + ": no answer from " + missing;
  publish(sentence);
  check();
  throw CommError(sentence, deadline_hint());
}

const Member& NodeBarrier::member(int lane) const {
  const int rank = rank_of_member_[static_cast<size_t>(lane)];
  for (const Member& m : ranks_)
    if (m.rank == rank) return m;
  throw CommError(fmt::format("lane {} belongs to rank {}, which is not on this node", lane, rank));
}

int NodeBarrier::lane_in_rank(int lane) const {
  const auto begin = rank_of_member_.begin();
  return static_cast<int>(
      std::count(begin, begin + lane, rank_of_member_[static_cast<size_t>(lane)]));
}

}  // namespace trireme
