#pragma once
// What a server alone holds, as of one moment, on its way to a writer while the server goes on:
// moments of blocks, which the next step changes all of, then rows of tables.

#include "ps/block_copy.h"
#include "ps/table_copy.h"

namespace trireme::ps {

class StateCopy {
 public:
  // As BlockCopy and TableCopy have them.
  StateCopy(DenseStore& store, std::span<const int> blocks, const std::vector<RowTable*>& tables,
            StateWriter& writer, const std::string& place);
  // Goes on with a piece. false: the writer has to catch up first, or all was given.
  bool advance();
  bool done() const { return ended_; }

 private:
  StateWriter& writer_;
  BlockCopy blocks_;
  TableCopy rows_;
  bool ended_ = false;
};

}  // namespace trireme::ps
