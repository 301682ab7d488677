#include "ps/payload.h"

#include <algorithm>

namespace trireme::ps {

void ReturnToPool::operator()(AlignedBuffer* buffer) const noexcept {
  pool->free_.emplace_back(buffer);  // take() made room
}

Payload PayloadPool::take(size_t bytes) {
  const auto fits = [&](const std::unique_ptr<AlignedBuffer>& b) {
    return b->size() >= bytes && b->size() / 2 <= bytes;
  };
  std::unique_ptr<AlignedBuffer> buffer;
  if (const auto found = std::ranges::find_if(free_, fits); found != free_.end()) {
    buffer = std::move(*found);
    free_.erase(found);
  } else {
    buffer = std::make_unique<AlignedBuffer>(std::max(bytes, kAlignment));
    bytes_ += buffer->size();
    free_.reserve(free_.capacity() + 1);
  }
  return {buffer.release(), ReturnToPool{shared_from_this()}};
}

}  // namespace trireme::ps
