#include "worker/tables/replicated_tables.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "ps/table_shards.h"
#include "worker/tables/table_state.h"

namespace trireme {
namespace {

int most_parts(const Topology& topology, const Spread& spread) {
  return std::max(topology.lanes, spread.threads());
}

}  // namespace

ReplicatedTables::ReplicatedTables(Communicator& comm, const Topology& topology,
                                   const KernelTable& kernels, std::span<const TableSpec> specs,
                                   const ps::RowOptimizer& optimizer, uint64_t seed, double timeout,
                                   const ps::LifeSpec& life, const Spread& spread)
    : comm_(comm),
      topology_(topology),
      kernels_(kernels),
      specs_(specs.begin(), specs.end()),
      optimizer_(optimizer),
      timeout_(timeout),
      fetched_(specs.size()),
      pushed_(topology, specs_, comm.size() == 1, most_parts(topology, spread)),
      gathered_(comm, specs_, timeout),
      mine_(specs.size()),
      summers_(static_cast<size_t>(most_parts(topology, spread))),
      spread_(spread),
      reduced_(specs.size()) {
  for (Reduced& table : reduced_) {
    table.ranges.resize(summers_.size());
    table.sums.resize(summers_.size());
  }
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

// Rows that are there are read by all lanes, the others made by this thread, by ascending key.
void ReplicatedTables::fetch(std::span<const Fetch> wanted, bool trains) {
  for (size_t t = 0; t < wanted.size(); ++t) {
    fetched_[t].keys.resize(wanted[t].keys.size());
    fetched_[t].rows.resize(wanted[t].keys.size());
  }
  spread_([&](int part, int parts) {
    for (size_t t = 0; t < wanted.size(); ++t) {
      const auto& [keys, rows, present] = wanted[t];
      ps::FoundRows& fetched = fetched_[t];
      const PartOf mine(static_cast<int64_t>(keys.size()), part, parts);
      const auto found = std::span(fetched.rows).subspan(mine.first(), mine.size());
      const auto of_mine = keys.subspan(mine.first(), mine.size());
      tables_[t]->read(of_mine, found, rows + mine.begin * tables_[t]->dim());
      std::ranges::copy(of_mine, fetched.keys.begin() + mine.begin);
      for (size_t i = 0; i < found.size(); ++i) present[mine.first() + i] = found[i] != ps::kNoRow;
    }
  });
  if (!trains) return;
  // A row that has a life is made when the step is applied.
  if (!makes_at_fetch() && !lives_.front()->admits_at_once()) return;
  for (size_t t = 0; t < wanted.size(); ++t) {
    const auto& [keys, rows, present] = wanted[t];
    ps::RowTable& table = *tables_[t];
    for (size_t i = 0; i < keys.size(); ++i) {
      if (present[i]) continue;
      present[i] = 1;
      float* row = rows + static_cast<int64_t>(i) * table.dim();
      if (makes_at_fetch()) {
        fetched_[t].rows[i] = table.make(keys[i]);
        std::copy_n(table.weights(fetched_[t].rows[i]), table.dim(), row);
      } else {
        table.initial_row(keys[i], row);
      }
    }
  }
}

void ReplicatedTables::sum(int part, int parts) {
  pushed_.sum(part, parts);
  if (gathers()) return;
  if (part == 0) ranges_ = static_cast<size_t>(parts);
  const auto p = static_cast<size_t>(part);
  for (size_t t = 0; t < specs_.size(); ++t)
    note(t, pushed_.ranges(static_cast<int>(t), 0)[p], reduced_[t].ranges[p]);
}

void ReplicatedTables::gather(int64_t step) {
  for (size_t t = 0; t < specs_.size(); ++t) pushed_.parts(static_cast<int>(t), mine_[t]);
  gathered_.exchange(mine_, step);
}

void ReplicatedTables::sum_gathered(int part, int parts) {
  if (part == 0) ranges_ = static_cast<size_t>(parts);
  const auto p = static_cast<size_t>(part);
  for (size_t t = 0; t < specs_.size(); ++t) {
    const auto all = gathered_.parts(static_cast<int>(t));
    ps::RowGradient& sum = reduced_[t].sums[p];
    summers_[p].sum(all, ps::key_range(ps::longest_keys(all), part, parts), specs_[t].dim, sum);
    note(t, sum, reduced_[t].ranges[p]);
  }
}

// Rows that this rank fetched are known; those that only others touched are looked up.
void ReplicatedTables::note(size_t t, const ps::RowsView& gradient, Range& range) const {
  range.gradient = gradient;
  range.touched.assign(gradient.keys.size(), ps::kNoRow);
  ps::take_known(fetched_[t], gradient.keys, range.touched);
  ps::find_unknown(*tables_[t], gradient.keys, range.touched);
  range.squares.resize(gradient.keys.size());
  for (size_t i = 0; i < range.squares.size(); ++i)
    range.squares[i] = ps::row_squares(gradient.row(static_cast<int64_t>(i)), gradient.dim);
}

void ReplicatedTables::reduce(int64_t, std::span<double> squares) {
  std::ranges::fill(squares, 0.0);
  for (size_t t = 0; t < specs_.size(); ++t) {
    if (!lives_.empty()) become_one_range(t);
    for (Range& range : ranges(t)) {
      const auto keys = range.gradient.keys;
      for (size_t i = 0; i < keys.size(); ++i)
        squares[t * ps::kTableShards + static_cast<size_t>(ps::shard_of(keys[i]))] +=
            range.squares[i];
      if (lives_.empty()) ps::make_missing(*tables_[t], keys, range.touched);
    }
  }
  pushed_.end();
  if (!lives_.empty()) ranges_ = 1;
  squares_.assign(squares.begin(), squares.end());
}

std::span<const ps::RowGradient> ReplicatedTables::gradients(size_t t) const {
  return gathers() ? std::span(reduced_[t].sums).first(ranges_)
                   : pushed_.ranges(static_cast<int>(t), 0);
}

// A step in the life of rows is told of all of them together.
void ReplicatedTables::become_one_range(size_t t) {
  if (ranges_ == 1) return;
  Range& all = reduced_[t].ranges.front();
  ps::join(gradients(t), reduced_[t].joined);
  all.gradient = reduced_[t].joined;
  for (Range& range : ranges(t).subspan(1)) {
    all.touched.insert(all.touched.end(), range.touched.begin(), range.touched.end());
    all.squares.insert(all.squares.end(), range.squares.begin(), range.squares.end());
    range = {};
  }
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
    const OptimizerScalars of_table = scalars_of(t, scalars);
    int64_t all = 0;
    for (const Range& range : ranges(t)) all += range.gradient.size();
    auto [first, last] = PartOf(all, part, parts);
    for (const Range& range : ranges(t)) {
      const int64_t n = range.gradient.size();
      if (first < n && last > 0)
        ps::step_present(optimizer_, kernels_, of_table, *tables_[t], range.touched, range.gradient,
                         std::max<int64_t>(first, 0), std::min(last, n));
      first -= n;
      last -= n;
    }
  }
  if (lives_.empty() || parts_done_.fetch_add(1) + 1 < parts) return;
  parts_done_ = 0;
  end_step(scalars);
}

// By the thread that is done last; nobody looks at the rows before all have met.
void ReplicatedTables::end_step(const OptimizerScalars& scalars) {
  if (scalars.skip != 0) return;
  for (size_t t = 0; t < specs_.size(); ++t) {
    const Range& all = reduced_[t].ranges.front();
    lives_[t]->end_step(scalars.step, all.gradient.keys, all.touched,
                        [&](std::span<const ps::RowId> made) {
                          ps::step_present(optimizer_, kernels_, scalars_of(t, scalars),
                                           *tables_[t], made, all.gradient, 0, all.gradient.size());
                        });
  }
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
