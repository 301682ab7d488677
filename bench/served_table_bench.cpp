// TableWork's step with rows on a server: rank 0 is the worker, rank 1 the server.
//   mpirun -n 2 served_table_bench [LANES]
// run N step -> seconds of N steps.

#include <fmt/format.h>

#include "base/clock.h"
#include "comm/subgroup.h"
#include "ps/placement.h"
#include "ps/server_core.h"
#include "ranks.h"
#include "table_work.h"
#include "worker/servers/mixed_tables.h"

namespace trireme::bench {
namespace {

class Worker {
 public:
  Worker(Communicator& world, int lanes)
      : placement_(0, 1, 1),
        workers_(world, {0}, 60),
        topology_(make_topology(workers_, lanes, kShards, 60)),
        graph_(make_graph()) {
    ps::ClientConfig config;
    config.tables = 1;
    auto servers = std::make_unique<RowServers>(workers_, placement_, config, 60, ps::Faults{});
    servers_ = servers.get();
    load_rows(*servers);
    tables_ =
        std::make_unique<MixedTables>(std::move(servers), topology_, graph_->tables(), optimizer_);
    work_ = std::make_unique<TableWork>(*graph_, topology_, team_, *tables_);
  }

  double run(int64_t steps) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < steps; ++i) work_->step();
    servers_->ask([](ps::ClientCore&) {});  // what is on its way arrives
    return seconds_since(start);
  }

 private:
  void load_rows(RowServers& servers) {
    constexpr int64_t kChunk = 10'000;
    const TableSpec& spec = graph_->tables()[0];
    for (int64_t first = 0; first < kRows; first += kChunk) {
      ps::RowTable table(spec, optimizer_.row_state(spec.dim), 1);
      std::vector<int64_t> keys(kChunk);
      std::iota(keys.begin(), keys.end(), first);
      std::vector<ps::RowId> rows(kChunk);
      table.find_or_create(keys, rows);
      std::vector<std::byte> bytes;
      for (const ps::RowId row : rows) {
        const auto* from = reinterpret_cast<const std::byte*>(&table.header(row));
        bytes.insert(bytes.end(), from, from + table.row_bytes());
      }
      servers.ask([&](ps::ClientCore& client) { client.load_rows(0, 0, ps::Part::rows, bytes); });
    }
  }

  const ps::RowOptimizer optimizer_{Optimizer(adagrad()), false};
  const ps::Placement placement_;
  Subgroup workers_;
  Topology topology_;
  std::unique_ptr<Graph> graph_;
  RowServers* servers_;  // of tables_
  std::unique_ptr<MixedTables> tables_;
  LaneTeam team_{1, true, prepare_kernel_thread};
  std::unique_ptr<TableWork> work_;
};

// Begins with all rows, which the worker sends.
class Server {
 public:
  explicit Server(Communicator& world)
      : graph_(make_graph()),
        optimizer_(adagrad()),
        params_(std::vector<Slot>{}),
        placement_(0, 1, 1),
        core_(config(*graph_), cpu_kernels(), optimizer_, params_, placement_),
        link_(world, {0}) {
    serve([this] { return core_.tables().rows(0).size() == kRows; });
  }

  void run(int64_t steps) {
    serve([this, goal = core_.clock() + steps] { return core_.clock() == goal; });
  }

 private:
  template <class Done>
  void serve(Done done) {
    for (int looks = 0; !done() || link_.sending();) {
      bool moved = link_.advance();
      for (ps::Message m; link_.receive(m); moved = true) {
        core_.on_message(std::move(m), 0);
        for (ps::Message answer; core_.poll(answer);) link_.send(std::move(answer));
      }
      looks = moved ? 0 : looks + 1;
      if (!moved) link_.idle(looks);
    }
  }

  static ps::ServerConfig config(const Graph& graph) {
    ps::ServerConfig config;
    config.runs = {{0, kShards}};
    config.shards = kShards;
    config.tables.assign(graph.tables().begin(), graph.tables().end());
    config.seed = 1;
    return config;
  }

  const std::unique_ptr<Graph> graph_;
  const Optimizer optimizer_;
  const ParamTable params_;
  const ps::Placement placement_;
  ps::ServerCore core_;
  ps::Link link_;
};

void serve_all(Communicator& comm, int lanes) {
  std::unique_ptr<Worker> worker;
  std::unique_ptr<Server> server;
  if (comm.rank() == 0)
    worker = std::make_unique<Worker>(comm, lanes);
  else
    server = std::make_unique<Server>(comm);
  RankServer(comm).serve(fmt::format(R"({{"lanes": {}}})", lanes), [&](const Request& request) {
    if (worker) return worker->run(request.repetitions);
    server->run(request.repetitions);
    return 0.0;
  });
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  using namespace trireme;
  const int lanes = argc > 1 ? std::stoi(argv[1]) : 1;
  return bench::on_ranks(argc, argv, [&](Communicator& comm) { bench::serve_all(comm, lanes); });
}
