// The reduction of a gradient between the ranks of one node, three ways, in one program:
//   window  as AllReduceExchange does it: barrier, tree reduction of each rank's share, barrier
//   mpi     MPI_Allreduce, in place
//   copy    the bound: every rank moves the bytes that `window` moves as one plain copy, no
//   barriers
// Needs ranks on one node.  run N window|mpi|copy BYTES -> seconds of N.
#include <fmt/format.h>
#include <mpi.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "base/clock.h"
#include "comm/node_barrier.h"
#include "comm/range_reducer.h"
#include "ranks.h"

namespace trireme::bench {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;
constexpr size_t kBarrierBytes = align_up(sizeof(BarrierState), 4096);

class AllReduceBench {
 public:
  explicit AllReduceBench(Communicator& comm)
      : comm_(comm),
        ranks_(comm.size()),
        window_(comm.window(kBarrierBytes + kMaxBytes * static_cast<size_t>(2 * ranks_ + 1))),
        kernels_(cpu_kernels("")),
        own_(kMaxBytes) {
    std::vector<int> rank_of_member;
    std::vector<Piece> pieces;
    for (int r = 0; r < ranks_; ++r) {
      rank_of_member.push_back(r);
      pieces.push_back({0, r});
      piece_data_.push_back(buffer(r));
    }
    barrier_ = std::make_unique<NodeBarrier>(reinterpret_cast<BarrierState*>(window_->data()),
                                             ranks_, comm.rank(), comm.members(), rank_of_member);
    reducer_ =
        RangeReducer(tree_steps(pieces, std::vector<bool>(pieces.size(), true), ranks_), ranks_);
    temporaries_.resize(static_cast<size_t>(reducer_.temporary_floats()));
    check_sums();
  }

  double run(const Request& request) {
    if (request.words.size() != 2)
      throw std::runtime_error("expected: run N window|mpi|copy BYTES");
    const std::string& kind = request.words[0];
    const size_t bytes = std::stoull(request.words[1]);
    if (bytes == 0 || bytes > kMaxBytes)
      throw std::runtime_error(fmt::format("{} bytes: 4 to {}", bytes, kMaxBytes));
    meet();
    const auto start = Clock::now();
    for (int64_t i = 0; i < request.repetitions; ++i)
      once(kind, static_cast<int64_t>(bytes / sizeof(float)));
    meet();
    return seconds_since(start);
  }

 private:
  float* buffer(int index) const {  // by rank; then the reduced gradient; then the copies, by rank
    return reinterpret_cast<float*>(window_->data() + kBarrierBytes +
                                    static_cast<size_t>(index) * kMaxBytes);
  }
  Range share(int64_t floats) const {
    return {comm_.rank() * floats / ranks_, (comm_.rank() + 1) * floats / ranks_};
  }
  void meet() { barrier_->arrive_and_wait({60, "the benchmark", -1}); }

  void once(const std::string& kind, int64_t floats) {
    if (kind == "window") {
      meet();
      reducer_.reduce(kernels_, piece_data_, share(floats), buffer(ranks_), temporaries_.data());
      meet();
    } else if (kind == "mpi") {
      MPI_Allreduce(MPI_IN_PLACE, own_.floats(), static_cast<int>(floats), MPI_FLOAT, MPI_SUM,
                    MPI_COMM_WORLD);
    } else if (kind == "copy") {
      copy(floats);
    } else {
      throw std::runtime_error("no such way: " + kind);
    }
  }

  // A rank's share of the tree reads its range of every piece and writes it once: the bytes of a
  // copy of (ranks + 1) / 2 ranges, here out of the next rank's buffer into one that nobody else
  // touches.
  void copy(int64_t floats) {
    const int64_t n = std::min(share(floats).size() * (ranks_ + 1) / 2, floats);
    std::memcpy(buffer(ranks_ + 1 + comm_.rank()), buffer((comm_.rank() + 1) % ranks_),
                static_cast<size_t>(n) * sizeof(float));
  }

  // Both ways must give rank 0's values plus rank 1's ... before anything is timed; then zeros,
  // which stay zeros however often MPI adds them up.
  void check_sums() {
    constexpr int64_t kFloats = kMaxBytes / sizeof(float);
    const float sum = static_cast<float>(ranks_ * (ranks_ + 1) / 2);
    for (const char* kind : {"window", "mpi"}) {
      float* mine = kind[0] == 'w' ? buffer(comm_.rank()) : own_.floats();
      std::fill_n(mine, kFloats, static_cast<float>(comm_.rank() + 1));
      once(kind, kFloats);
      const float* result = kind[0] == 'w' ? buffer(ranks_) : own_.floats();
      for (int64_t i = 0; i < kFloats; ++i)
        if (result[i] != sum)
          throw std::runtime_error(
              fmt::format("{}: element {} is {}, not {}", kind, i, result[i], sum));
      meet();
      std::fill_n(mine, kFloats, 0.0f);
    }
  }

  Communicator& comm_;
  const int ranks_;
  std::unique_ptr<Window> window_;
  const KernelTable& kernels_;
  AlignedBuffer own_;
  std::vector<const float*> piece_data_;
  std::unique_ptr<NodeBarrier> barrier_;
  RangeReducer reducer_;
  std::vector<float> temporaries_;
};

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  using namespace trireme;
  return bench::on_ranks(argc, argv, [](Communicator& comm) {
    bench::AllReduceBench bench(comm);
    bench::RankServer(comm).serve(
        "{}", [&](const bench::Request& request) { return bench.run(request); });
  });
}
