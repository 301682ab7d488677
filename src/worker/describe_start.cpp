#include "worker/describe_start.h"

#include "base/log.h"
#include "ps/table_shards.h"

namespace trireme {

void describe_start(const Session& s, const Place& place, const std::string& device) {
  const auto count = [](const ParamTable& table) {
    int64_t n = 0;
    for (const Slot& slot : table.slots()) n += slot.count;
    return n;
  };
  log_info("{}: {}", s.experiment.run.name, s.ranks_in_words());
  log_info("data: {} training samples, {} validation; model: {} parameters, {:.3g} GFLOP a sample",
           s.data.train->size(), s.data.validation ? s.data.validation->size() : 0,
           count(s.graph->params()), s.graph->flops_per_sample() / 1e9);
  log_info("device: {}", device);
  log_info("numerics: {}, {}", s.cpu_level,
           s.experiment.run.reproducible ? "reproducible" : "not reproducible");
  if (s.topology.members > s.topology.shards)
    log_warning("{} lanes but {} virtual shards: {} lanes stay idle (train.virtual_shards)",
                s.topology.members, s.topology.shards, s.topology.members - s.topology.shards);
  log_info("memory: {}", s.memory_in_words);
  if (s.serves_blocks()) log_info("parameters: {}", s.placement().in_words());
  if (const auto codec = codec_of(s.experiment.exchange); codec.codes())
    log_info("pushes: blocks of parameters in {}{}", ps::name_of(codec.codec),
             codec.feeds_back() ? ", what it leaves out is added to the next" : "");
  if (!s.served_tables().empty())
    log_info("tables: rows of {} on {} servers, {} virtual shards each", s.served_tables().size(),
             s.roles.servers, ps::kTableShards);
  if (s.checkpoint) log_info("resuming from {}", s.checkpoint->path().string());
  log_info("run directory: {}", place.dir.string());
}

}  // namespace trireme
