// [exchange], [tables], [cuda], [debug]: how ranks work together, how long rows live, how devices
// are used, and faults made on purpose.
#include <cmath>

#include "config/sections/sections.h"

namespace trireme::config {

ExchangeConfig read_exchange(Section& s) {
  ExchangeConfig c;
  c.name = s.choice("name", "all_reduce", {"all_reduce", "parameter_server"},
                    "how gradients travel: among the ranks, or to ranks that hold the parameters");
  c.servers = s.integer("servers", 1, {1, 4096}, "ranks",
                        "that are servers, where there are any: the last ones");
  c.consistency = s.choice(
      "consistency", "sync", {"sync", "bounded", "async"},
      "of servers. sync: workers take each step together, with the weights of an all-reduce; "
      "bounded: each at its own pace, none more than `staleness` steps ahead of the slowest; "
      "async: "
      "each at its own pace");
  c.staleness = s.integer("staleness", 4, {0, 1e6}, "steps",
                          "that a worker may be ahead of the slowest, in bounded mode");
  c.tables = s.choice("tables", "served", {"served", "replicated"},
                      "where rows of embedding tables live, where there are servers: there, or on "
                      "every worker");
  c.dense = s.choice("dense", "served", {"served", "all_reduce"},
                     "where all other parameters live, where there are servers: there, or on the "
                     "workers, who add up their gradients by all-reduce");
  c.codec = s.choice("codec", "none", {"none", "fp16", "bf16", "int8", "top_k"},
                     "how gradients are coded on their way to servers, but for rows of tables. "
                     "int8: 127 steps to the largest magnitude of 2048 elements; top_k: the "
                     "elements of largest magnitude; what these two leave out is added to the next "
                     "step's gradient");
  c.top_k =
      s.number("top_k", 0.01, {1e-6, 1}, "", "share of the elements that codec = top_k sends");
  c.push_every = s.integer("push_every", 1, {1, 1e6}, "steps",
                           "from push to push in bounded and async mode; between them a worker "
                           "moves its own copy of the weights by plain gradient steps");
  c.delay_compensation =
      s.number("delay_compensation", 0, {0, 1e6}, "",
               "lambda of DC-ASGD in bounded and async mode: a late gradient g becomes g + lambda "
               "g g (w - w_old); 0: off");
  c.bucket_mib =
      s.number("bucket_mib", 4, {0.015625, 65536}, "MiB",
               "of gradients that travel together between hosts, or to a server, while backward "
               "goes on");
  c.hash_every = s.integer("hash_every", 0, {0, 1e12}, "steps",
                           "between comparisons of the parameters' hashes over nodes; 0: off");
  return c;
}

TablesConfig read_tables(Section& s) {
  TablesConfig c;
  c.admit_after = s.integer("admit_after", 1, {1, 1e9}, "steps",
                            "that must see a key before it gets a row; until then it reads as "
                            "zeros, and 1 gives it one at once");
  c.expire_after = s.integer("expire_after", 0, {0, 1e15}, "steps",
                             "without a key after which its row is given up; 0: never");
  c.budget_mib =
      s.number("budget_mib", 0, {0, 1e9}, "MiB",
               "of memory that each table may take, on all its servers together or in each "
               "rank's copy; beyond it rows are evicted; 0: no limit");
  c.evict = s.choice("evict", "lru", {"lru", "lfu"},
                     "which rows go first: those not seen for longest, or those updated least");
  return c;
}

CudaConfig read_cuda(Section& s) {
  CudaConfig c;
  c.graph = s.boolean("graph", true, "record a step once and replay it as one CUDA graph");
  c.tune = s.boolean("tune", false,
                     "time the engines of each convolution at the start and take the fastest; else "
                     "cuDNN's first proposal");
  c.plans = s.path("plans", "",
                   "folder that keeps what was planned, or timed, for convolutions, so that later "
                   "starts are short; empty: plans in ~/.cache/trireme",
                   PathBase::current_folder);
  c.reduce_type = s.choice("reduce_type", "fp32", {"fp32", "bf16"},
                           "of gradients while they travel between devices and are summed there; "
                           "bf16: half the bytes, and a sum that is rounded at every rank");
  return c;
}

DebugConfig read_debug(Section& s) {
  DebugConfig c;
  c.kill_rank = s.integer("kill_rank", -1, {-1, 1e6}, "", "rank that fails on purpose; -1: none");
  c.kill_step = s.integer("kill_step", -1, {-1, 1e12}, "", "step at which it fails; -1: never");
  c.kill_how = s.choice("kill_how", "kill", {"kill", "exit", "hang", "throw"}, "how it fails");
  c.nan_step = s.integer("nan_step", -1, {-1, 1e12}, "",
                         "step at which one sample's gradient becomes NaN; -1: never");
  c.loss_scale = s.number("loss_scale", 0, {0, 1e37}, "",
                          "a power of two: where a device's loss scale starts, in any precision; "
                          "0: fp16's own, none elsewhere");
  if (c.loss_scale > 0 && std::exp2(std::round(std::log2(c.loss_scale))) != c.loss_scale)
    s.fail("loss_scale", "not a power of two");
  c.slow_rank_ms =
      s.number("slow_rank_ms", 0, {0, 1e7}, "milliseconds", "extra time per step on kill_rank");
  c.stall = s.number("stall", 0, {0, 1}, "",
                     "share of the steps before which a rank sleeps, others for each rank");
  c.stall_ms = s.number("stall_ms", 0, {0, 1e7}, "milliseconds", "that it sleeps");
  c.repeat_messages = s.number("repeat_messages", 0, {0, 1}, "",
                               "share of the messages to and from servers that come twice");
  c.delay_messages_ms = s.number(
      "delay_messages_ms", 0, {0, 1e4}, "milliseconds",
      "most that such a message is held back; each by another time, so that they overtake");
  if (c.kill_rank < 0) {
    if (c.kill_step >= 0) s.fail("kill_step", "needs debug.kill_rank, the rank that fails");
    if (c.slow_rank_ms > 0) s.fail("slow_rank_ms", "needs debug.kill_rank, the rank that is slow");
  }
  return c;
}

}  // namespace trireme::config
