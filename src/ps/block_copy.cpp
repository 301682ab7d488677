#include "ps/block_copy.h"

#include <algorithm>

#include "ps/message.h"

namespace trireme::ps {

BlockCopy::BlockCopy(DenseStore& store, std::span<const int> blocks, StateWriter& writer)
    : store_(store), writer_(writer) {
  if (store_.moments() > 0) waiting_.assign(blocks.begin(), blocks.end());
  store_.watch(this);
}

BlockCopy::~BlockCopy() { store_.watch(nullptr); }

bool BlockCopy::advance() {
  if (done() || !writer_.has_room()) return false;
  give(waiting_.front());
  waiting_.pop_front();
  return true;
}

void BlockCopy::keep(int block) {
  const auto at = std::ranges::find(waiting_, block);
  if (at == waiting_.end()) return;
  give(block);
  waiting_.erase(at);
}

void BlockCopy::give(int block) {
  const size_t moments = store_.moments(), each = store_.values(block, kFirstMoment).size();
  auto image = std::make_unique_for_overwrite<float[]>(moments * each);
  for (size_t i = 0; i < moments; ++i)
    std::ranges::copy(store_.values(block, kFirstMoment + static_cast<uint32_t>(i)),
                      image.get() + i * each);
  writer_.take(block, std::move(image));
}

}  // namespace trireme::ps
