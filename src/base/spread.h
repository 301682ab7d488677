#pragma once
// Work cut into parts that several threads do side by side. Who the threads are is the caller's
// matter; without any, the one who asks does all of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace trireme {

// Part `part` of `parts` of [0, n): its first, and the one behind its last.
struct PartOf {
  PartOf(int64_t n, int part, int parts) : begin(n * part / parts), end(n * (part + 1) / parts) {}
  int64_t begin, end;
  size_t first() const { return static_cast<size_t>(begin); }
  size_t size() const { return static_cast<size_t>(end - begin); }
};

class Spread {
 public:
  using Job = std::function<void(int part, int parts)>;
  Spread() = default;
  // run(job): job(thread) once on each of `threads` threads, and back when all are done.
  Spread(int threads, std::function<void(const std::function<void(int)>& job)> run)
      : threads_(threads), run_(std::move(run)) {}

  int threads() const { return threads_; }
  // job(part, parts) for every part, of which there are at most `most`. Rethrows what one threw.
  void operator()(int64_t most, const Job& job) const {
    const int parts = static_cast<int>(std::clamp<int64_t>(most, 1, threads_));
    if (parts == 1) return job(0, 1);
    run_([&](int thread) {
      if (thread < parts) job(thread, parts);
    });
  }
  void operator()(const Job& job) const { (*this)(threads_, job); }

 private:
  int threads_ = 1;
  std::function<void(const std::function<void(int)>&)> run_;
};

}  // namespace trireme
