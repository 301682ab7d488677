#include "config/idle_keys.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace trireme {
namespace {

bool served(const Experiment& e) { return e.exchange.name == "parameter_server"; }
bool bounded(const Experiment& e) { return served(e) && e.exchange.consistency == "bounded"; }
bool sends_top_k(const Experiment& e) { return served(e) && e.exchange.codec == "top_k"; }
bool has_budget(const Experiment& e) { return e.tables.budget_mib > 0; }
bool stalls(const Experiment& e) { return e.debug.stall > 0; }

struct Rule {
  std::string_view key;
  const char* needs;
  bool (*works)(const Experiment&);
};

constexpr const char* kServer = "exchange.name = parameter_server";
constexpr std::array kRules = {
    Rule{"exchange.servers", kServer, served},
    Rule{"exchange.consistency", kServer, served},
    Rule{"exchange.staleness", "exchange.consistency = bounded", bounded},
    Rule{"exchange.tables", kServer, served},
    Rule{"exchange.dense", kServer, served},
    Rule{"exchange.top_k", "exchange.codec = top_k", sends_top_k},
    Rule{"tables.evict", "tables.budget_mib", has_budget},
    Rule{"checkpoint.servers_write", kServer, served},
    Rule{"debug.stall_ms", "debug.stall", stalls},
};

bool is_set(const ResolvedKey& key) { return key.origin != "default"; }

}  // namespace

std::vector<std::string> idle_keys(const Experiment& experiment) {
  std::vector<std::string> idle;
  if (std::ranges::all_of(experiment.resolved, is_set)) return idle;
  for (const ResolvedKey& key : experiment.resolved) {
    if (!is_set(key)) continue;
    const auto rule = std::ranges::find(kRules, key.section + "." + key.key, &Rule::key);
    if (rule != kRules.end() && !rule->works(experiment))
      idle.push_back(std::string(rule->key) + " (needs " + rule->needs + ")");
  }
  return idle;
}

}  // namespace trireme
