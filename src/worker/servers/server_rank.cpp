#include "worker/servers/server_rank.h"

#include <fmt/format.h>

#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "kernels/kernel_table.h"
#include "optim/optimizer.h"
#include "ps/serve.h"
#include "worker/agreement.h"
#include "worker/checkpointer.h"
#include "worker/fail_on_purpose.h"
#include "worker/final_export.h"
#include "worker/lane_team.h"
#include "worker/servers/row_file.h"
#include "worker/servers/server_reader.h"
#include "worker/servers/server_writer.h"
#include "worker/tables/life_of.h"
#include "worker/version.h"

namespace trireme {
namespace {

constexpr char kBetween = '\x1f';

void describe_end(const ps::ServerCore& core, bool lives) {
  const ps::ServerCounts& c = core.counts();
  log_info("served {} questions with {} answers; {} in, {} out; {} repeated, {} of earlier runs",
           c.messages_in, c.messages_out, human_bytes(static_cast<double>(c.bytes_in)),
           human_bytes(static_cast<double>(c.bytes_out)), c.repeated, c.of_earlier_runs);
  const ps::TableStore& tables = core.tables();
  if (c.rows > 0)
    log_info("gave {} rows of tables, {} of them while workers still computed the step before",
             c.rows, c.early_rows);
  for (int t = 0; t < static_cast<int>(tables.size()); ++t) {
    const ps::LifeCounts counts = tables.counts(t);
    log_info("table {}: {} rows here, {}{}", tables.rows(t).spec().name, counts.rows,
             human_bytes(static_cast<double>(counts.bytes)), lives ? "; " + counts.in_words() : "");
  }
  if (c.delay.pushes > 0)
    log_info("updates between the weights of a push and its own: {:.3g} on average, {} at most",
             static_cast<double>(c.delay.sum) / static_cast<double>(c.delay.pushes), c.delay.most);
}

}  // namespace

Roles start_roles(Communicator& world, Experiment& experiment) {
  Roles roles;
  const double timeout = experiment.run.timeout;
  together(world, "the roles of the ranks", timeout,
           [&] { roles = assign_roles(world, experiment.exchange); });
  if (roles.servers == 0) return roles;
  agree(world, {{"the program's build", build_id()}, {"the experiment", experiment.to_ini(false)}},
        timeout);
  experiment.run.cpu_level = agree_on_cpu_level(world, experiment.run.cpu_level, timeout);
  if (experiment.run.device == "auto") experiment.run.device = "cpu";
  roles.server_threads = experiment.run.lanes > 0
                             ? static_cast<int>(experiment.run.lanes)
                             : default_lanes(ranks_with_my_affinity(world, timeout));
  return roles;
}

void share_with_servers(Communicator& world, const Roles& roles, double timeout,
                        const std::function<void()>& body) {
  if (roles.servers == 0) return body();
  std::string failure;
  try {
    if (!roles.is_server()) body();
  } catch (const AgreedError& e) {
    failure = fmt::format("{}{}{}{}{}", static_cast<int>(e.code()), kBetween, e.what(), kBetween,
                          e.hint());
  }
  failure = broadcast_text(world, failure, 0, {timeout, "the workers to be ready", -1});
  if (failure.empty()) return;
  const auto parts = split(failure, kBetween);
  throw AgreedError(static_cast<ExitCode>(*parse_int(parts[0])), parts[1], parts[2]);
}

ExitCode run_server(Communicator& world, const Experiment& experiment, const Roles& roles) {
  const double timeout = experiment.run.timeout;
  share_with_servers(world, roles, timeout, [] {});
  const ServerSetup setup =
      server_setup_from(broadcast_text(world, "", 0, {timeout, "the servers' set-up", -1}));
  init_log({world.rank(), world.size(),
            setup.run_directory.empty()
                ? ""
                : (Path(setup.run_directory) / fmt::format("rank-{}.log", world.rank())).string(),
            false});
  const ps::Placement placement(setup.params.size(), roles.servers, setup.block);
  const Optimizer optimizer(experiment.optimizer);
  ps::ServerConfig config;
  config.server = roles.server;
  config.workers = roles.workers;
  config.generation = setup.generation;
  config.consistency = roles.consistency;
  config.start_clock = setup.start_clock;
  config.runs = setup.runs;
  config.shards = setup.shards;
  config.average = setup.average;
  config.tables = setup.tables;
  config.seed = experiment.run.seed;
  config.rowwise = experiment.optimizer.rowwise;
  config.codec = codec_of(experiment.exchange);
  config.delay_compensation = experiment.exchange.delay_compensation;
  config.push_every = experiment.exchange.push_every;
  config.clip_row_norm = experiment.train.clip_row_norm;
  config.life = life_of(experiment.tables);
  const bool may_spin = world.size() <= static_cast<int>(std::thread::hardware_concurrency());
  LaneTeam team(roles.server_threads, may_spin, prepare_kernel_thread);
  config.spread = team.spread();
  const NodeRegions regions(world, ps::DenseStore::bytes_of_weights(placement, roles.server),
                            timeout);
  const ps::RowOptimizer of_rows(optimizer, config.rowwise);
  const std::vector<std::string> moments(optimizer.state().begin(), optimizer.state().end());
  const MomentFiles files(setup.params, moments, shard_bytes(experiment.checkpoint));
  ServerWriter writer(roles.server, placement, saved_columns(config.tables, of_rows, config.life),
                      files);
  ServerReader reader(roles.server, roles.servers,
                      {setup.params, moments, config.tables, of_rows, config.life});
  ps::ServerCore core(config, cpu_kernels(experiment.run.cpu_level.c_str()), optimizer,
                      setup.params, placement, reinterpret_cast<float*>(regions.mine()));
  core.save_with(&writer);
  core.restore_with(&reader);
  if (core.given().keeps())
    log_info("delay compensation: {} for the weights that each of {} workers has",
             human_bytes(static_cast<double>(core.given().bytes())), roles.workers);
  log_info("serves with {} thread{}", team.lanes(), team.lanes() == 1 ? "" : "s");
  ExitCode code = ExitCode::done;
  {
    ps::Link link(world, roles.worker_ranks(), {}, faults_of(experiment), &regions);
    const auto fault = [&](int64_t clock) {
      fail_on_purpose(experiment.debug, world.rank(), clock);
    };
    code = static_cast<ExitCode>(ps::serve(core, link, {roles.workers, timeout, fault}));
  }
  describe_end(core, config.life.any());
  if (code == ExitCode::done) export_on_server(world, experiment);
  return code;
}

}  // namespace trireme
