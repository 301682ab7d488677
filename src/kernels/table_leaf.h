#pragma once
// What kernels know of embedding tables: the part of one that a leaf of a batch looks up. Like
// kernel_table.h, a part of what program and plugin agree on.

#include <cstdint>

namespace trireme {

// Bags of ids, each of `values` positions one after another, and the width of the table's rows.
struct EmbeddingBagSpec {
  int64_t bags, values, dim;
  bool mean;  // over the ids that have a row; else their sum
};
// How a device finds what adds up to a row's gradient without two threads at one row: positions in
// the order of their rows, cut into runs of at most kRowRun of one row (kernels/row_runs.h). A row
// of several runs is long: their sums go to `partials` and are added in a second pass. All of it is
// device memory, how many there are as well, so that a recorded step serves every batch.
struct RowRuns {
  const int32_t* counts;       // {runs, long rows}
  const int32_t* positions;    // that have an id, by number in the leaf, then ascending
  const int32_t* first;        // of each run, in `positions`; one more ends the last
  const int32_t* target;       // of each run: the row's number, or ~place in partials
  const int32_t* long_number;  // of each long row
  const int32_t* long_first;   // of each long row, in partials; one more ends the last
  float* partials;             // [.., dim]
};
constexpr int64_t kRowRun = 128;
// What one lookup of one leaf reads and writes. Host memory; the pointers are the device's. The
// rows of a leaf are numbered by its own sorted distinct keys; `row_of` says where these are among
// those that were fetched.
struct TableLeaf {
  const int32_t* index = nullptr;   // by sample, feature, value: number in the leaf; -1: no id
  const int32_t* row_of = nullptr;  // by number in the leaf: row of `rows`; -1: there is none
  const float* rows = nullptr;      // [.., dim]
  float* gradient = nullptr;        // by number in the leaf, [.., dim]; backward adds to it
  RowRuns runs = {};                // for a device's backward; the CPU's goes by position
};

}  // namespace trireme
