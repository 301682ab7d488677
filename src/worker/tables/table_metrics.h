#pragma once
// What metrics and log say of tables whose rows come and go. It asks the servers, where rows are
// theirs: between steps, by the step thread.

#include <string>
#include <vector>

#include "model/metrics.h"
#include "worker/tables/table_exchange.h"

namespace trireme {

// table/NAME/rows, candidates, admitted, expired, evicted, bytes.
std::vector<MetricValue> table_metrics(const TableExchange& tables);
// A sentence for each table.
std::vector<std::string> tables_in_words(const TableExchange& tables);

}  // namespace trireme
