#pragma once
// What a server has to know, told by worker 0: a table of parameters, who computes which leaves,
// where the run stands. Never the model or the data.

#include <string>
#include <vector>

#include "comm/tree.h"
#include "tensor/param_table.h"
#include "tensor/table_spec.h"

namespace trireme {

struct ServerSetup {
  ParamTable params;
  int64_t block = 0;        // most elements of a block
  int64_t start_clock = 0;  // steps done
  uint32_t generation = 0;  // of the run
  int shards = 1;
  std::vector<LeafRun> runs;      // by worker
  bool average = false;           // a moving average is kept
  std::vector<TableSpec> tables;  // whose rows live on the servers
  std::string run_directory;      // for the server's log
};

std::string to_text(const ServerSetup& setup);           // JSON
ServerSetup server_setup_from(const std::string& text);  // FormatError

}  // namespace trireme
