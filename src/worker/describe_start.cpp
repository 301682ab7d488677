#include "worker/describe_start.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "config/idle_keys.h"
#include "ps/table_shards.h"
#include "worker/tables/life_of.h"

namespace trireme {
namespace {

void describe_lives(const Session& s) {
  const ps::LifeSpec life = life_of(s.experiment.tables);
  if (!s.tables || !life.any()) return;
  const ps::RowOptimizer rows(s.optimizer, s.experiment.optimizer.rowwise);
  log_info("rows: made at sighting {} of a key{}", life.admit_after,
           life.expire_after > 0
               ? fmt::format(", gone after {} steps without it", life.expire_after)
               : "");
  for (const TableSpec& table : s.graph->tables()) {
    const ps::LifeRoom room = ps::room_for(life, table, rows.row_state(table.dim));
    if (room.rows > 0)
      log_info("table {}: room for {} rows and {} keys that wait, {} each in {} virtual shards",
               table.name, room.rows * ps::kTableShards, room.candidates * ps::kTableShards,
               room.rows, ps::kTableShards);
  }
}

}  // namespace

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
  log_info("start: device {:.2f} s, data {:.2f}, programs {:.2f}, weights {:.2f}, memory {:.2f}",
           s.took.device, s.took.data, s.took.programs, s.took.weights, s.took.memory);
  if (s.serves_blocks()) log_info("parameters: {}", s.placement().in_words());
  if (const auto codec = codec_of(s.experiment.exchange); codec.codes())
    log_info("pushes: blocks of parameters in {}{}", ps::name_of(codec.codec),
             codec.feeds_back() ? ", what it leaves out is added to the next" : "");
  if (!s.served_tables().empty())
    log_info("tables: rows of {} on {} servers, {} virtual shards each", s.served_tables().size(),
             s.roles.servers, ps::kTableShards);
  describe_lives(s);
  if (const auto idle = idle_keys(s.experiment); !idle.empty())
    log_warning("set, but without effect: {}", fmt::join(idle, ", "));
  if (s.checkpoint) log_info("resuming from {}", s.checkpoint->path().string());
  log_info("run directory: {}", place.dir.string());
}

}  // namespace trireme
