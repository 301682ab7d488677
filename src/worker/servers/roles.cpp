#include "worker/servers/roles.h"

#include <fmt/format.h>

#include <numeric>

#include "base/error.h"

namespace trireme {

std::vector<int> Roles::worker_ranks() const {
  std::vector<int> ranks(static_cast<size_t>(workers));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

std::string Roles::in_words() const {
  const auto plural = [](int n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  std::string mode(ps::name_of(consistency.mode));
  if (consistency.mode == ps::Mode::bounded)
    mode += fmt::format(", at most {} clocks ahead", consistency.staleness);
  return fmt::format("{} and {} ({})", plural(workers, "worker"), plural(servers, "server"), mode);
}

ps::Faults faults_of(const Experiment& e) {
  return {e.debug.repeat_messages, e.debug.delay_messages_ms / 1000, e.run.seed};
}

ps::CodecSpec codec_of(const ExchangeConfig& config) {
  if (config.name != "parameter_server") return {};
  return {ps::codec_named(config.codec), config.top_k};
}

Roles assign_roles(const Communicator& world, const ExchangeConfig& config) {
  Roles roles;
  roles.workers = world.size();
  if (config.name != "parameter_server") return roles;
  roles.servers = static_cast<int>(config.servers);
  roles.workers = world.size() - roles.servers;
  if (roles.workers < 1)
    throw ConfigError(
        fmt::format("exchange.servers = {}, and the job has {} rank{}: none is left to train",
                    config.servers, world.size(), world.size() == 1 ? "" : "s"),
        fmt::format("start at least {}: mpirun -n {} trireme train ...", config.servers + 1,
                    config.servers + 1));
  if (world.rank() >= roles.workers) roles.server = world.rank() - roles.workers;
  roles.consistency.mode = config.consistency == "bounded" ? ps::Mode::bounded
                           : config.consistency == "async" ? ps::Mode::async
                                                           : ps::Mode::sync;
  roles.consistency.staleness = config.staleness;
  return roles;
}

}  // namespace trireme
