#include "comm/range_reducer.h"

#include <algorithm>

namespace trireme {

// Each intermediate sum is read once, so its temporary is free again right after.
RangeReducer::RangeReducer(TreeSteps steps, int pieces)
    : steps_(std::move(steps)), pieces_(pieces) {
  std::vector<int> where(steps_.adds.size());  // temporary that holds the result of add k
  std::vector<int> free;
  for (size_t k = 0; k < steps_.adds.size(); ++k) {
    Step step{steps_.adds[k].left, steps_.adds[k].right, -1};
    for (int* operand : {&step.left, &step.right}) {
      if (*operand < pieces) continue;
      const int temporary = where[static_cast<size_t>(*operand - pieces)];
      *operand = pieces + temporary;
      free.push_back(temporary);
    }
    if (k + 1 < steps_.adds.size()) {
      if (free.empty()) free.push_back(temporaries_++);
      where[k] = free.back();
      free.pop_back();
      step.target = where[k];
    }
    plan_.push_back(step);
  }
}

void RangeReducer::reduce(const KernelTable& kernels, const std::vector<const float*>& pieces,
                          Range range, float* out, float* temporaries) const {
  if (empty()) {
    kernels.fill(nullptr, range.size(), 0, out + range.begin);
    return;
  }
  if (single() >= 0) {
    kernels.copy(nullptr, range.size(), pieces[static_cast<size_t>(single())] + range.begin,
                 out + range.begin);
    return;
  }
  for (int64_t at = range.begin; at < range.end; at += kBlock) {
    const int64_t n = std::min(kBlock, range.end - at);
    const auto operand = [&](int index) -> const float* {
      return index < pieces_ ? pieces[static_cast<size_t>(index)] + at
                             : temporaries + (index - pieces_) * kBlock;
    };
    for (const Step& s : plan_)
      kernels.add(nullptr, n, operand(s.left), operand(s.right),
                  s.target < 0 ? out + at : temporaries + s.target * kBlock);
  }
}

}  // namespace trireme
