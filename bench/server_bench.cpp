// A gradient pushed to a parameter server and the weights pulled back, between two ranks of one
// node: rank 0 is the worker, rank 1 the server, which applies sgd.
//   push_pull  as training does it in sync mode, blocks of 1 MiB, norm, verdict, sgd
//   copy       the bound: the same bytes copied once each way through shared memory by one thread
//   exactly_once  what the messages of such a push and pull cost beside: numbers, checks, windows
// run N push_pull|copy|exactly_once BYTES -> seconds of N.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/clock.h"
#include "ps/client_core.h"
#include "ps/push_window.h"
#include "ps/serve.h"
#include "ranks.h"

namespace trireme::bench {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;
constexpr int64_t kBlock = int64_t{1} << 18;

ParamTable table_of(int64_t floats) {
  Slot slot;
  slot.name = "w";
  slot.logical = slot.view = Shape({floats});
  slot.count = floats;
  return ParamTable({slot});
}

OptimizerConfig sgd() {
  OptimizerConfig config{};
  config.name = "sgd";
  return config;
}

class ServerBench {
 public:
  // The first half of a rank's region is its gradient or its weights, the second the copies'.
  explicit ServerBench(Communicator& comm)
      : comm_(comm), regions_(comm, 2 * kMaxBytes, 60), weights_(kMaxBytes) {
    if (comm.rank() == 0) std::fill_n(shared(), kMaxBytes / sizeof(float), 1.0f);
  }

  double run(const Request& request) {
    if (request.words.size() != 2)
      throw std::runtime_error("expected: run N push_pull|copy|exactly_once BYTES");
    const size_t bytes = std::stoull(request.words[1]);
    if (bytes < 256 || bytes > kMaxBytes || bytes % 256 != 0)
      throw std::runtime_error(
          fmt::format("{} bytes: 256 to {}, whole cache lines of floats", bytes, kMaxBytes));
    comm_.barrier({60, "the benchmark", -1});
    if (request.words[0] == "copy") return comm_.rank() == 0 ? copy(request, bytes) : 0;
    if (request.words[0] == "exactly_once")
      return comm_.rank() == 0 ? exactly_once(request, bytes) : 0;
    const ParamTable params = table_of(static_cast<int64_t>(bytes / sizeof(float)));
    const ps::Placement placement(params.size(), 1, kBlock);
    if (comm_.rank() == 0) return work(request, placement);
    serve(params, placement);
    return 0;
  }

 private:
  double copy(const Request& request, size_t bytes) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < request.repetitions; ++i) {
      std::memcpy(regions_.mine() + kMaxBytes, regions_.mine(), bytes);
      std::memcpy(weights_.data(), regions_.mine() + kMaxBytes, bytes);
    }
    return seconds_since(start);
  }

  // The messages of one step: of each block push, pushed and pulled; pull, partials and commit.
  // Questions have a number that the server's window has to admit.
  double exactly_once(const Request& request, size_t bytes) {
    const auto blocks = (static_cast<int64_t>(bytes / sizeof(float)) + kBlock - 1) / kBlock;
    ps::PushWindow window;
    uint64_t sequence = 0;
    ps::Message message;
    message.header.kind = static_cast<uint16_t>(ps::Kind::push);
    const auto start = Clock::now();
    for (int64_t i = 0; i < request.repetitions; ++i)
      for (int64_t m = 0; m < 3 * blocks + 3; ++m) {
        const bool question = m < blocks + 2;
        if (question) message.header.sequence = ++sequence;
        ps::seal(message);
        ps::require_sound(message.header, "the benchmark");
        if (question && window.admit(message.header.sequence) != ps::PushWindow::Admission::fresh)
          throw std::runtime_error("a new message was not taken");
      }
    return seconds_since(start);
  }

  void serve(const ParamTable& params, const ps::Placement& placement) {
    ps::ServerConfig config;
    config.runs = {{0, 1}};
    const Optimizer optimizer(sgd());
    std::fill_n(shared(), params.size(), 0.0f);
    ps::ServerCore core(config, cpu_kernels(), optimizer, params, placement, shared());
    ps::Link link(comm_, {0}, {}, {}, &regions_);
    ps::serve(core, link, {1, 60});
    const float expected = -static_cast<float>(core.store().version(0));
    if (core.store().values(0, ps::kWeights)[63] != expected)
      throw std::runtime_error("the server did not apply what was pushed");
  }

  double work(const Request& request, const ps::Placement& placement) {
    ps::ClientConfig config;
    ps::ClientCore client(config, placement, weights_.floats());
    ps::Link link(
        comm_, {1}, [&](const ps::Header& h) { return client.place(h); }, {}, &regions_);
    const auto until = [&](const auto& done) {
      for (ps::Message m; !done();) {
        while (client.poll(m)) link.send(std::move(m));
        link.advance();
        while (link.receive(m)) client.on_message(std::move(m));
      }
    };
    OptimizerScalars scalars{};
    scalars.lr = scalars.grad_scale = 1;
    StepVerdict applied{};
    applied.finite = applied.applied = 1;
    const auto start = Clock::now();
    for (int64_t clock = 0; clock < request.repetitions; ++clock) {
      scalars.step = clock + 1;
      for (size_t b = 0; b < placement.blocks().size(); ++b)
        client.push(static_cast<int>(b), clock, shared() + placement.blocks()[b].range.begin,
                    Piece{}, 1);
      client.pull(clock + 1, clock + 1, false);
      until([&] { return client.has_partials(); });
      client.commit(clock, scalars, applied);
      until([&] { return client.idle() && !link.sending(); });
    }
    const double seconds = seconds_since(start);
    if (weights_.floats()[63] != -static_cast<float>(request.repetitions))
      throw std::runtime_error("the weights that came back are not those of all pushes");
    client.bye(0);
    until([&] { return client.idle() && !link.sending(); });
    return seconds;
  }

  float* shared() const { return reinterpret_cast<float*>(regions_.mine()); }

  Communicator& comm_;
  const NodeRegions regions_;
  AlignedBuffer weights_;
};

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  using namespace trireme;
  return bench::on_ranks(argc, argv, [](Communicator& comm) {
    bench::ServerBench bench(comm);
    bench::RankServer(comm).serve(
        "{}", [&](const bench::Request& request) { return bench.run(request); });
  });
}
