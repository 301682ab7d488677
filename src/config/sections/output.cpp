// [checkpoint], [export]: what a run leaves behind.
#include "config/sections/sections.h"

namespace trireme::config {

CheckpointConfig read_checkpoint(Section& s) {
  CheckpointConfig c;
  c.every_steps = s.integer("every_steps", 0, {0, 1e12}, "steps", "between checkpoints; 0: off");
  c.every_minutes =
      s.number("every_minutes", 0, {0, 1e6}, "minutes", "between checkpoints; 0: off");
  c.every_epochs = s.number("every_epochs", 1, {0, 1e6}, "epochs", "between checkpoints; 0: off");
  c.keep = s.integer("keep", 3, {1, 1000000}, "checkpoints", "how many of the newest are kept");
  c.keep_best = s.boolean("keep_best", true, "also keep the best by train.monitor");
  c.max_shard_mib =
      s.number("max_shard_mib", 1024, {0.001, 1e9}, "MiB", "largest file of a checkpoint");
  c.servers_write =
      s.boolean("servers_write", true,
                "parameter servers that see the run directory write what they alone hold into "
                "checkpoints, and read it from them; else it passes through worker 0");
  return c;
}

ExportConfig read_export(Section& s) {
  ExportConfig c;
  c.formats = s.choices("formats", {"onnx", "safetensors"},
                        "what the final rank writes at the end; empty: nothing");
  c.goldens =
      s.integer("goldens", 4, {1, 4096}, "samples", "recorded inputs and outputs to check against");
  c.atol = s.number("atol", 1e-5, {0, 1}, "", "largest absolute difference of an export's outputs");
  c.rtol = s.number("rtol", 1e-4, {0, 1}, "", "largest relative difference of an export's outputs");
  c.best = s.boolean("best", false, "export the best checkpoint instead of the last weights");
  return c;
}

}  // namespace trireme::config
