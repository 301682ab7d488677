#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace trireme {

void parallel_for(int64_t n, const std::function<void(int64_t)>& work) {
  constexpr int64_t kChunk = 64;
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  int64_t first_failure = n;
  std::exception_ptr failure;
  // Chunks are handed out in order and each runs up to its own first failure, so every index below
  // the lowest failing one has been tried.
  const auto run = [&] {
    while (!failed) {
      const int64_t begin = next.fetch_add(kChunk), end = std::min(begin + kChunk, n);
      if (begin >= n) return;
      int64_t i = begin;
      try {
        for (; i < end; ++i) work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        failed = true;
        if (i < first_failure) {
          first_failure = i;
          failure = std::current_exception();
        }
      }
    }
  };
  const int64_t chunks = (n + kChunk - 1) / kChunk;
  const int64_t threads =
      std::min<int64_t>(std::max(1u, std::thread::hardware_concurrency()), chunks);
  {
    std::vector<std::jthread> others;
    for (int64_t t = 1; t < threads; ++t) others.emplace_back(run);
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace trireme
