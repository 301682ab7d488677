// A table under a budget of bytes on an endless stream: batches of 8,192 keys by Zipf's law (skew
// 1.05 over 2^32 ids) go through a server's TableStore as training brings them: asked for, sorted
// and without repeats, pushed, committed with Adagrad on rows of 16.
//   table_stream [KEYS = 50000000] [BUDGET_MIB = 256] [lru|lfu] [ADMIT_AFTER = 2] [EXPIRE_AFTER]
// With 0 1 0 for budget, admission and expiry rows stay for ever, for comparison.
// Checks, and ends with 1 where one does not hold: the bytes that the table says it has never pass
// the budget; the process grows by no more than the budget and 64 MiB; counts add up, and agree
// with what was asked for and not there. Prints these, how long commits took, and how much of one
// went into growing the index at most.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "adagrad.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/thread_clock.h"
#include "ps/table_store.h"
#include "tensor/device.h"

namespace trireme::bench {
namespace {

constexpr int64_t kBatch = 8192, kDim = 16;
constexpr double kSkew = 1.05, kIds = 4294967296.0, kMib = 1 << 20;
constexpr int64_t kAllowance = 64 << 20;  // of memory beside the budget

// Density x^-skew on [1, kIds + 1); popularity scattered over the keys, as hashing does.
int64_t draw(uint64_t i) {
  const Philox4 w = philox(1, i, 0);
  const double u = to_unit_double(w[0], w[1]);
  const double x = std::pow(1 + u * (std::pow(kIds + 1, 1 - kSkew) - 1), 1 / (1 - kSkew));
  return static_cast<int64_t>(mix(static_cast<uint64_t>(x), 3));
}

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

class Stream {
 public:
  Stream(int64_t keys, const ps::LifeSpec& life)
      : keys_(keys),
        life_(life),
        start_bytes_(resident_bytes()),
        store_({.tables = {{"stream", kDim, {Init::uniform, -0.25, 0.25}}},
                .seed = 1,
                .runs = {{0, 1}},
                .shards = 1,
                .life = life},
               cpu_kernels(), ps::RowOptimizer(Optimizer(adagrad()), false)) {}

  void run() {
    for (int64_t first = 0; first < keys_; first += kBatch)
      step(first, std::min(keys_ - first, kBatch));
  }
  // What does not hold.
  std::vector<std::string> problems() const;
  void report() const;

 private:
  void step(int64_t first, int64_t count);
  int64_t held_sightings() const;
  double growth_seconds() const;

  const int64_t keys_;
  const ps::LifeSpec life_;
  const int64_t start_bytes_;
  ps::TableStore store_;
  int64_t steps_ = 0, distinct_ = 0, absent_ = 0, most_bytes_ = 0, most_resident_ = 0;
  ps::NodeGradient push_{{0, 0}, {kDim, {}, {}}};
  std::vector<std::byte> answer_, bytes_;
  std::vector<double> elapsed_, worked_;  // seconds of each commit
  double most_growth_ = 0;                // seconds of one, spent on growing the index
};

void Stream::step(int64_t first, int64_t count) {
  std::vector<int64_t>& keys = push_.gradient.keys;
  keys.clear();
  for (int64_t i = first; i < first + count; ++i) keys.push_back(draw(static_cast<uint64_t>(i)));
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  answer_.resize(ps::pulled_bytes(keys.size(), kDim));
  store_.pull(0, keys, true, answer_.data());
  const auto here = std::span(answer_).first(keys.size());
  absent_ += std::ranges::count(here, std::byte{0});
  distinct_ += static_cast<int64_t>(keys.size());
  push_.gradient.rows.assign(keys.size() * kDim, 0.01f);
  bytes_.clear();
  ps::append_bytes(push_, bytes_);
  const auto start = Clock::now();
  const double before = thread_seconds(), grown = growth_seconds();
  store_.take(0, 0, bytes_);
  store_.commit({0.05f, 1, 0, 0, ++steps_, 0, 0});
  store_.end();
  worked_.push_back(thread_seconds() - before);
  elapsed_.push_back(seconds_since(start));
  most_growth_ = std::max(most_growth_, growth_seconds() - grown);
  most_bytes_ = std::max(most_bytes_, store_.counts(0).bytes);
  if (steps_ % 16 == 0 || first + count == keys_)
    most_resident_ = std::max(most_resident_, resident_bytes() - start_bytes_);
}

double Stream::growth_seconds() const {
  const ps::RowTable* candidates = store_.part(0, ps::Part::candidates);
  return store_.rows(0).growth_seconds() + (candidates ? candidates->growth_seconds() : 0);
}

int64_t Stream::held_sightings() const {
  const ps::RowTable* candidates = store_.part(0, ps::Part::candidates);
  int64_t sum = 0;
  for (int64_t i = 0; candidates && i < candidates->slots(); ++i) {
    const ps::RowHeader& header = candidates->header(static_cast<ps::RowId>(i));
    if (header.live()) sum += header.updates;
  }
  return sum;
}

std::vector<std::string> Stream::problems() const {
  std::vector<std::string> found;
  const ps::LifeCounts c = store_.counts(0);
  const auto check = [&](bool holds, const std::string& what) {
    if (!holds) found.push_back(what);
  };
  check(life_.budget == 0 || most_bytes_ <= life_.budget,
        "the table's own account passed the budget");
  check(most_resident_ <= std::max(life_.budget, most_bytes_) + kAllowance,
        "memory passed the budget, or what there is, and 64 MiB");
  check(c.admitted == c.rows + c.expired + c.evicted, "admitted is not rows + expired + evicted");
  if (life_.admit_after > 1) {
    check(c.sighted == absent_, "sightings are not the keys that had no row");
    check(c.sighted == held_sightings() + life_.admit_after * c.admitted + c.forgotten,
          "sightings are not those held, those of admitted rows and those forgotten");
  }
  return found;
}

void print_times(const char* which, std::vector<double> seconds) {
  std::ranges::sort(seconds);
  const auto ms = [&](double share) {
    return 1000 * seconds[static_cast<size_t>(share * static_cast<double>(seconds.size() - 1))];
  };
  fmt::print("commits, {}: p50 {:.2f} ms, p99 {:.2f}, p99.9 {:.2f}, longest {:.2f}\n", which,
             ms(0.5), ms(0.99), ms(0.999), ms(1));
}

void Stream::report() const {
  const ps::LifeCounts c = store_.counts(0);
  fmt::print("{} keys in {} batches, {} distinct a batch; {}\n", keys_, steps_, distinct_ / steps_,
             c.in_words());
  fmt::print("{} rows, {} candidates; {} of {} by the table's account, {} more resident\n", c.rows,
             c.candidates, human_bytes(static_cast<double>(most_bytes_)),
             human_bytes(static_cast<double>(life_.budget)),
             human_bytes(static_cast<double>(most_resident_)));
  print_times("by the clock", elapsed_);
  print_times("of the thread", worked_);
  fmt::print("growing the index, of the thread: at most {:.3f} ms in one commit\n",
             1000 * most_growth_);
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  using namespace trireme;
  const auto word = [&](int i, const char* otherwise) { return argc > i ? argv[i] : otherwise; };
  ps::LifeSpec life;
  life.budget = std::llround(std::stod(word(2, "256")) * bench::kMib);
  if (std::string(word(3, "lru")) == "lfu") life.evict = ps::RowOrder::By::updates;
  life.admit_after = std::stoll(word(4, "2"));
  life.expire_after = std::stoll(word(5, "0"));
  try {
    bench::Stream stream(std::stoll(word(1, "50000000")), life);
    stream.run();
    stream.report();
    const std::vector<std::string> problems = stream.problems();
    for (const std::string& problem : problems) fmt::print("does not hold: {}\n", problem);
    return problems.empty() ? 0 : 1;
  } catch (const Error& e) {
    fmt::print("{}\n  hint: {}\n", e.what(), e.hint());
    return static_cast<int>(e.code());
  }
}
