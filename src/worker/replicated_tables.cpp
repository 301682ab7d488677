#include "worker/replicated_tables.h"

#include "base/sha256.h"
#include "ps/table_shards.h"
#include "worker/table_state.h"

namespace trireme {
ReplicatedTables::ReplicatedTables(Communicator& comm, const Topology& topology,
                                   const KernelTable& kernels, std::span<const TableSpec> specs,
                                   const ps::RowOptimizer& optimizer, uint64_t seed, double timeout)
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
  for (const TableSpec& spec : specs_)
    tables_.push_back(std::make_unique<ps::RowTable>(spec, optimizer.row_state(spec.dim), seed));
}

void ReplicatedTables::fetch(int index, std::span<const int64_t> keys, bool trains, float* rows,
                             uint8_t* present) {
  ps::RowTable& table = *tables_[static_cast<size_t>(index)];
  Fetched& fetched = fetched_[static_cast<size_t>(index)];
  fetched.keys.assign(keys.begin(), keys.end());
  fetched.rows.resize(keys.size());
  if (trains)
    table.find_or_create(keys, fetched.rows);
  else
    table.find(keys, fetched.rows);
  table.gather(fetched.rows, rows);
  for (size_t i = 0; i < keys.size(); ++i) present[i] = fetched.rows[i] != ps::kNoRow;
}

// Rows that this rank fetched are known; those that only others touched are looked up.
void ReplicatedTables::find_touched(size_t t) {
  const Fetched& fetched = fetched_[t];
  const std::vector<int64_t>& keys = reduced_[t].keys;
  std::vector<ps::RowId>& touched = touched_[t];
  touched.resize(keys.size());
  std::vector<int64_t> others;
  std::vector<size_t> places;
  size_t at = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    while (at < fetched.keys.size() && fetched.keys[at] < keys[i]) ++at;
    if (at < fetched.keys.size() && fetched.keys[at] == keys[i]) {
      touched[i] = fetched.rows[at];
    } else {
      others.push_back(keys[i]);
      places.push_back(i);
    }
  }
  std::vector<ps::RowId> rows(others.size());
  tables_[t]->find_or_create(others, rows);
  for (size_t k = 0; k < places.size(); ++k) touched[places[k]] = rows[k];
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
    find_touched(t);
  }
  squares_.assign(squares.begin(), squares.end());
}

void ReplicatedTables::commit(int part, int parts, const OptimizerScalars& of_all) {
  for (size_t t = 0; t < specs_.size(); ++t) {
    OptimizerScalars scalars = of_all;
    scalars.grad_scale = ps::clipped_scale(
        of_all.grad_scale,
        std::span<const double>(squares_).subspan(t * ps::kTableShards, ps::kTableShards),
        optimizer_.clip().table);
    const int64_t n = reduced_[t].size();
    optimizer_.step(kernels_, scalars, *tables_[t], touched_[t], reduced_[t], n * part / parts,
                    n * (part + 1) / parts);
  }
}

std::unique_ptr<StateSource> ReplicatedTables::snapshot() {
  auto state = std::make_unique<TableState>();
  for (const auto& table : tables_) state->add(*table, optimizer_.moments(table->dim()));
  return state;
}

void ReplicatedTables::restore(const CheckpointReader& checkpoint) {
  for (const auto& table : tables_)
    restore_table(checkpoint, optimizer_.moments(table->dim()), *table);
}

std::string ReplicatedTables::digest() const {
  Sha256 sha;
  for (const auto& table : tables_)
    for (const ps::RowId row : table->by_key(table->size())) {
      sha.update(std::as_bytes(std::span(&table->header(row).key, 1)));
      sha.update(std::as_bytes(std::span(table->weights(row), static_cast<size_t>(table->dim()))));
    }
  return sha.finish().hex();
}

}  // namespace trireme
