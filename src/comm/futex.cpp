#include "comm/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace trireme {
namespace {

constexpr long kNap = 50000000;  // nanoseconds

static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4,
              "the kernel waits on this word");

}  // namespace

// Not FUTEX_PRIVATE: other processes wait on the same word.
void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  const timespec nap{0, kNap};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &nap, nullptr, 0);
}

void futex_wake_all(std::atomic<uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace trireme
