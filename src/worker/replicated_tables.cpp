#include "worker/replicated_tables.h"

#include "base/sha256.h"
#include "ps/table_shards.h"
#include "worker/table_state.h"

namespace trireme {
ReplicatedTables::ReplicatedTables(Communicator& comm, const Topology& topology,
                                   const KernelTable& kernels, std::span<const TableSpec> specs,
                                   const ps::RowOptimizer& optimizer, uint64_t seed, double timeout,
                                   const ps::LifeSpec& life)
    : comm_(comm),
      topology_(topology),
      kernels_(kernels),
      specs_(specs.begin(), specs.end()),
      optimizer_(optimizer),
      timeout_(timeout),
      fetched_(specs.size()),
      pushed_(topology, specs_),
      reduced_(specs.size()),
      touched_(specs.size()) {
  constexpr ps::ShardRange kAll{0, ps::kTableShards};
  for (const TableSpec& spec : specs_) {
    const ps::RowState state = optimizer.row_state(spec.dim);
    const ps::LifeRoom room = ps::room_for(life, spec, state);
    tables_.push_back(
        std::make_unique<ps::RowTable>(spec, state, seed, room.rows * ps::kTableShards));
    if (life.any())
      lives_.push_back(std::make_unique<ps::TableLife>(life, room, *tables_.back(), kAll));
  }
}

void ReplicatedTables::fetch(std::span<const Fetch> wanted, bool trains) {
  // A row that has a life is made when the step is applied.
  const bool makes = trains && !lives_.empty() && lives_.front()->admits_at_once();
  for (size_t t = 0; t < wanted.size(); ++t) {
    const auto& [keys, rows, present] = wanted[t];
    ps::RowTable& table = *tables_[t];
    ps::FoundRows& fetched = fetched_[t];
    fetched.keys.assign(keys.begin(), keys.end());
    fetched.rows.resize(keys.size());
    if (trains && makes_at_fetch())
      table.find_or_create(keys, fetched.rows);
    else
      table.find(keys, fetched.rows);
    table.gather(fetched.rows, rows);
    for (size_t i = 0; i < keys.size(); ++i) {
      const bool made = fetched.rows[i] != ps::kNoRow;
      present[i] = made || makes;
      if (!made && makes) table.initial_row(keys[i], rows + static_cast<int64_t>(i) * table.dim());
    }
  }
}

// All ranks' parts, by table.
std::vector<ReplicatedTables::Parts> ReplicatedTables::exchange(std::vector<Parts> mine,
                                                                int64_t step) {
  std::vector<std::byte> bytes;
  for (const Parts& parts : mine) {
    const auto count = static_cast<int64_t>(parts.size());
    const auto raw = std::as_bytes(std::span(&count, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
    for (const ps::NodeGradient& part : parts) ps::append_bytes(part, bytes);
  }
  std::vector<Parts> all(mine.size());
  for (const auto& of_rank : comm_.all_gather(bytes, {timeout_, "row gradients of tables", step})) {
    Bytes rest = of_rank;
    for (size_t t = 0; t < all.size(); ++t)
      for (int64_t n = ps::take_count(rest); n > 0; --n)
        all[t].push_back(ps::take_bytes(rest, specs_[t].dim));
  }
  return all;
}

void ReplicatedTables::reduce(int64_t step, std::span<double> squares) {
  std::vector<Parts> parts;
  for (int t = 0; t < static_cast<int>(specs_.size()); ++t)
    parts.push_back(comm_.size() > 1 ? pushed_.take_sums(t) : pushed_.take(t));
  if (comm_.size() > 1) parts = exchange(std::move(parts), step);
  for (size_t t = 0; t < specs_.size(); ++t) {
    reduced_[t] = ps::sum_of(parts[t], ps::root_of(topology_.shards), specs_[t].dim);
    ps::shard_squares(reduced_[t], squares.subspan(t * ps::kTableShards, ps::kTableShards));
    // Rows that this rank fetched are known; those that only others touched are looked up.
    ps::find_again(*tables_[t], std::span(&fetched_[t], 1), reduced_[t].keys, lives_.empty(),
                   touched_[t]);
  }
  squares_.assign(squares.begin(), squares.end());
}

OptimizerScalars ReplicatedTables::scalars_of(size_t t, OptimizerScalars scalars) const {
  scalars.grad_scale = ps::clipped_scale(
      scalars.grad_scale,
      std::span<const double>(squares_).subspan(t * ps::kTableShards, ps::kTableShards),
      optimizer_.clip().table);
  return scalars;
}

void ReplicatedTables::commit(int part, int parts, const OptimizerScalars& scalars) {
  for (size_t t = 0; t < specs_.size(); ++t) {
    const int64_t n = reduced_[t].size();
    ps::step_present(optimizer_, kernels_, scalars_of(t, scalars), *tables_[t], touched_[t],
                     reduced_[t], n * part / parts, n * (part + 1) / parts);
  }
  if (lives_.empty() || parts_done_.fetch_add(1) + 1 < parts) return;
  parts_done_ = 0;
  end_step(scalars);
}

// By the thread that is done last; nobody looks at the rows before all have met.
void ReplicatedTables::end_step(const OptimizerScalars& scalars) {
  if (scalars.skip != 0) return;
  for (size_t t = 0; t < specs_.size(); ++t)
    lives_[t]->end_step(scalars.step, reduced_[t].keys, touched_[t],
                        [&](std::span<const ps::RowId> made) {
                          ps::step_present(optimizer_, kernels_, scalars_of(t, scalars),
                                           *tables_[t], made, reduced_[t], 0, reduced_[t].size());
                        });
}

ps::LifeCounts ReplicatedTables::counts(int table) const {
  const auto t = static_cast<size_t>(table);
  return lives_.empty() ? ps::counts_without_life(*tables_[t]) : lives_[t]->counts();
}

std::unique_ptr<StateSource> ReplicatedTables::snapshot() {
  auto state = std::make_unique<TableState>();
  for (size_t t = 0; t < specs_.size(); ++t) {
    state->add(*tables_[t], optimizer_.moments(specs_[t].dim));
    if (lives_.empty()) continue;
    const ps::TableLife& life = *lives_[t];
    if (life.candidates()) state->add_candidates(specs_[t], *life.candidates());
    state->add_counts(specs_[t], life.counts());
  }
  return state;
}

void ReplicatedTables::restore(const CheckpointReader& checkpoint) {
  for (size_t t = 0; t < specs_.size(); ++t) {
    restore_rows(stored_rows(checkpoint, specs_[t], optimizer_.moments(specs_[t].dim),
                             tables_[t]->row_state()),
                 *tables_[t]);
    if (lives_.empty()) continue;
    ps::TableLife& life = *lives_[t];
    if (life.candidates())
      restore_rows(stored_candidates(checkpoint, specs_[t]), *life.candidates());
    life.restore(restored_counts(checkpoint, specs_[t]));
    life.arrange();
  }
}

std::string ReplicatedTables::digest() const {
  Sha256 sha;
  for (const auto& table : tables_)
    for (const ps::RowId row : table->by_key(table->slots())) {
      sha.update(std::as_bytes(std::span(&table->header(row).key, 1)));
      sha.update(std::as_bytes(std::span(table->weights(row), static_cast<size_t>(table->dim()))));
    }
  return sha.finish().hex();
}

}  // namespace trireme
