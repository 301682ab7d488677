#pragma once
// The passes over the lines of a model that need no shapes: names, overrides, spelling, who reads
// whom.

#include "model/build.h"
#include "model/build/problems.h"

namespace trireme {

// The line that declares the ids, `input = ids: FxL dtype=int64`; null: none does.
const LayerLine* ids_line(const ModelConfig& model);

// The other input lines: they read the dense columns.
std::vector<LayerLine> dense_lines(const ModelConfig& model);

// The ids line says what the data has, and is there when the data has ids.
void check_ids(const ModelConfig& model, const DataShape& data, Problems& problems);

// The shapes of the dense lines; the data's where there is none. Checks that they fit the data. One
// line: the same shape, or the same number of values of one channel (64 columns as 1x8x8). Several:
// consecutive columns of a flat sample, which together are the whole sample; an input of several
// channels reads its columns in C,H,W order.
std::vector<Shape> input_shapes(const ModelConfig& model, const DataShape& data,
                                Problems& problems);

// Names what has none: the input "input" (an int64 one "ids"), losses "loss", "loss_2", layers by
// op: "conv2d_1", "dense_2".
void name_lines(ModelConfig& model);

// Puts --model.NAME.key=value into the line called NAME, and clears model.overrides. The keys
// `from` and `target` change the edges. A NAME without line is a problem.
void apply_overrides(ModelConfig& model, Problems& problems);

// Duplicate names, unknown ops and options, wrong numbers of inputs, names in `from` that no
// earlier line has, layers that nothing reads.
void check_lines(const ModelConfig& model, Problems& problems);

}  // namespace trireme
