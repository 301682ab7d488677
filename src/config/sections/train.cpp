#include "config/sections/sections.h"

namespace trireme::config {

TrainConfig read_train(Section& s) {
  TrainConfig c;
  c.batch_size = s.integer("batch_size", 64, {1, 1 << 24}, "samples",
                           "global batch of one step, over all ranks");
  c.max_epochs =
      s.number("max_epochs", 10, {0, 1e6}, "epochs", "stop after this many; 0: no limit");
  c.max_steps = s.integer("max_steps", 0, {0, 1e12}, "steps", "stop after this many; 0: no limit");
  c.max_time = s.number("max_time", 0, {0, 1e8}, "seconds", "stop after this long; 0: no limit");
  c.virtual_shards = s.integer("virtual_shards", 8, {1, 4096}, "shards",
                               "leaves of the reduction tree that a batch is cut into");
  c.eval_every =
      s.number("eval_every", 1, {0, 1e6}, "epochs", "between evaluations; 0: only at the end");
  c.eval_batch_size = s.integer("eval_batch_size", 0, {0, 1 << 24}, "samples",
                                "of an evaluation step; 0: batch_size, at least 256");
  c.precision = s.choice("precision", "fp32", {"fp32", "tf32", "bf16", "fp16"},
                         "of matrix products and convolutions");
  c.clip_norm = s.number("clip_norm", 0, {0, 1e12}, "", "largest global gradient norm; 0: off");
  c.clip_row_norm =
      s.number("clip_row_norm", 0, {0, 1e12}, "",
               "largest norm of one row's gradient, of each row of an embedding table; 0: off");
  c.clip_table_norm =
      s.number("clip_table_norm", 0, {0, 1e12}, "",
               "largest norm of one table's gradient, all its rows together; 0: off");
  c.clip_value = s.number("clip_value", 0, {0, 1e12}, "", "largest gradient element; 0: off");
  c.ema = s.number("ema", 0, {0, 0.999999999}, "",
                   "decay of the weights' average that evaluation and export use; 0: off");
  c.early_stopping = s.integer("early_stopping", 0, {0, 1000000}, "evaluations",
                               "stop after this many without improvement; 0: off");
  c.monitor = s.text("monitor", "validation/loss",
                     "what early stopping and the best checkpoint go by, as validation/accuracy");
  c.non_finite = s.choice("non_finite", "stop", {"stop", "skip"},
                          "what a step with a non-finite loss or gradient does");
  c.freeze = s.list("freeze", "parameters that are not trained: patterns such as conv1.*");
  if (c.max_epochs <= 0 && c.max_steps <= 0 && c.max_time <= 0) {
    s.fail("max_epochs", "0, and neither train.max_steps nor train.max_time ends the run");
  }
  return c;
}

}  // namespace trireme::config
