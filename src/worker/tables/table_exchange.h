#pragma once
// Where rows of embedding tables come from and where their gradients go: all that lanes know of it.
// What they hand in is sorted by key; who holds which row, and how it travels, is the
// implementation's matter. It knows tables and keys, never the model.
//
// A step: fetch(), by the step thread before the lanes run; push() from the lanes and, when all of
// them have, sum(); then, within Exchange::update(), gather(), sum_gathered(), reduce() and, with
// the verdict, conclude() from lane 0 of every rank and, where the verdict is to apply, commit()
// from every lane.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "kernels/kernel_table.h"
#include "ps/life_counts.h"
#include "ps/row_gradient.h"
#include "tensor/table_spec.h"

namespace trireme {

class TableExchange {
 public:
  virtual ~TableExchange() = default;
  virtual std::span<const TableSpec> tables() const = 0;

  struct Fetch {                    // of one table
    std::span<const int64_t> keys;  // what this rank's leaves look up: distinct, ascending
    float* rows;                    // [keys.size(), dim]
    uint8_t* present;               // [keys.size()]
  };
  // wanted[t]: of table t. rows[i] = the row of keys[i], as of the last finished step; zeros and
  // present[i] = 0 where there is none. trains: a key without a row gets one, on every rank that
  // comes to see the key, or counts as seen where rows have to be admitted.
  virtual void fetch(std::span<const Fetch> wanted, bool trains) = 0;
  // Whether rows are better asked for ahead. Then announce(), by the step thread after fetch()
  // of one training step, has the keys of the next one, of every table, as fetch() will: rows
  // travel while this step computes.
  virtual bool asks_ahead() const { return false; }
  virtual void announce(std::span<const std::span<const int64_t>>) {}
  // The gradient of one of the lane's leaves, each present one's once, in order. Borrows the rows
  // until sum() is over. Never waits.
  virtual void push(int lane, int table, const ps::NodeRows& leaf) = 0;
  // Part `part` of `parts` of adding up what this rank pushed. Each part once; any thread.
  virtual void sum(int part, int parts) = 0;

  // Where other ranks' gradients are wanted here: has them. Every rank must call, from lane 0,
  // while nobody else speaks to the communicator. gathers(): whether there is anything to do.
  virtual bool gathers() const { return false; }
  virtual void gather(int64_t /*step*/) {}
  // Then part `part` of `parts` of adding them up. Each part once; any thread.
  virtual void sum_gathered(int /*part*/, int /*parts*/) {}

  // Adds up what all ranks pushed since the last step, along the tree; squares: [tables,
  // ps::kTableShards], of each table's gradient by virtual shard (ps::shard_squares), the same on
  // every rank. Every rank must call, from lane 0, while nobody else speaks to the communicator.
  virtual void reduce(int64_t step, std::span<double> squares) = 0;
  // The verdict of an all-reduce, the same on every rank, whether it applies or not.
  virtual void conclude(const OptimizerScalars&, const StepVerdict&) {}
  // Applies part `part` of `parts` of the reduced gradients. Each part once; any thread. Where
  // workers train at their own pace: one part, always, also where scalars.skip is set.
  virtual void commit(int part, int parts, const OptimizerScalars& scalars) = 0;

  // The tables' tensors as of now, as TrainingState::snapshot() has the flat ones. Between steps.
  virtual std::unique_ptr<StateSource> snapshot() = 0;
  // Likewise, but for what those who hold rows write into a checkpoint themselves.
  virtual std::unique_ptr<StateSource> part_of_checkpoint() { return snapshot(); }
  // Replaces all rows by a checkpoint's. Every rank must call, and wait for the others afterwards.
  // Throws FormatError where it has no such tables. No communication among these ranks.
  virtual void restore(const CheckpointReader& checkpoint) = 0;
  // SHA-256 over keys and rows, for ranks to compare; empty where no rank holds a whole copy.
  virtual std::string digest() const = 0;
  // Of all ranks together, between steps; one rank alone may ask.
  virtual ps::LifeCounts counts(int table) const = 0;
};

}  // namespace trireme
