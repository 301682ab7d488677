#include "worker/check_model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "worker/tables/life_of.h"

namespace trireme {
namespace {

void check_without_tables(const Experiment& e) {
  if (e.train.clip_row_norm > 0 || e.train.clip_table_norm > 0)
    throw ConfigError(
        "train.clip_row_norm and train.clip_table_norm are for rows of embedding tables, and this "
        "model has none",
        "use train.clip_norm or train.clip_value");
  if (e.exchange.name == "parameter_server" && e.exchange.dense == "all_reduce")
    throw ConfigError(
        "exchange.dense = all_reduce, and the model has no tables: the servers would have nothing "
        "to hold",
        "use exchange.name = all_reduce");
}

void check_tables_apart(const ExchangeConfig& exchange) {
  if (exchange.push_every > 1)
    throw ConfigError(
        fmt::format("exchange.push_every = {}: this model has embedding tables, whose rows a "
                    "worker asks for at every step",
                    exchange.push_every),
        "set exchange.push_every = 1");
  if (exchange.tables == "replicated")
    throw ConfigError(
        fmt::format("exchange.consistency = {} with exchange.tables = replicated: every worker "
                    "holds all rows, and they would drift apart",
                    exchange.consistency),
        "use exchange.tables = served, or exchange.consistency = sync");
}

}  // namespace

void check_model(const Experiment& e, const Graph& graph, bool resumes) {
  const bool apart = e.exchange.name == "parameter_server" && e.exchange.consistency != "sync";
  if (apart && graph.state().size() > 0)
    throw ConfigError(
        fmt::format("exchange.consistency = {}: this model has running statistics (batch_norm), "
                    "which would be those of one worker",
                    e.exchange.consistency),
        "use exchange.consistency = sync, or layer_norm instead");
  if (graph.tables().empty()) return check_without_tables(e);
  for (const TableSpec& table : graph.tables()) {
    const ps::RowOptimizer rows(Optimizer(e.optimizer), e.optimizer.rowwise);
    ps::room_for(life_of(e.tables), table, rows.row_state(table.dim));
  }
  if (apart) check_tables_apart(e.exchange);
  if (e.train.ema > 0)
    throw ConfigError("train.ema has no averages of rows of tables", "set train.ema = 0");
  if (!e.model.init_from.empty() && !resumes)
    throw ConfigError("model.init_from brings no rows of tables yet", "leave it out, or resume");
}

}  // namespace trireme
