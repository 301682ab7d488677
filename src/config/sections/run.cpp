#include "config/sections/sections.h"

#include <algorithm>

namespace trireme::config {

namespace {

// The first part of a folder's name.
bool is_file_name(const std::string& name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '/' || c < ' ' || c == 0x7f;
  });
}

}  // namespace

RunConfig read_run(Section& s, const std::string& default_name) {
  RunConfig c;
  c.name = s.text("name", default_name, "name of the run; default: the experiment file's name");
  c.dir = s.path("dir", "runs", "folder of the run directories, relative to the current folder",
                 PathBase::current_folder);
  c.seed = static_cast<uint64_t>(
      s.integer("seed", 42, {0, 9e18}, "", "what all random numbers are derived from"));
  c.device = s.choice("device", "auto", {"cpu", "cuda", "auto"}, "auto: cuda where it is usable");
  c.device_ids = s.integers("device_ids", {0, 1023}, "",
                            "CUDA device of each rank of a node, as 0,1; the same number twice "
                            "shares a device; empty: one each, in order");
  c.lanes = s.integer("lanes", 0, {0, 4096}, "threads",
                      "threads of a rank, that run leaves or, on a server, apply updates, or, "
                      "beside a device, keep "
                      "embedding tables; 0: as many as its cores");
  c.reproducible = s.boolean("reproducible", true,
                             "the same bits for any number of lanes, ranks and hosts of one kind");
  c.timeout = s.number("timeout", 300, {1, 86400}, "seconds",
                       "how long a rank waits for another before it gives up and says for whom");
  c.log_interval = s.number("log_interval", 10, {0.1, 86400}, "seconds",
                            "between progress lines in a batch log");
  c.progress = s.boolean("progress", true, "show a progress bar on a terminal");
  c.cpu_level = s.choice("cpu_level", "", {"", "baseline", "x86-64-v3", "x86-64-v4"},
                         "instruction level of the kernels; empty: the best that all ranks have");
  if (s.given("name") && !is_file_name(c.name))
    s.fail("name", "\"" + c.name + "\" cannot begin the name of a folder");
  if (c.dir.empty()) s.fail("dir", "empty (. is the current folder)");
  return c;
}

}  // namespace trireme::config
