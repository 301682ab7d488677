#pragma once
// Memory of messages, used again and again: a server that has seen the largest messages allocates
// nothing more.

#include <memory>
#include <vector>

#include "tensor/buffer.h"

namespace trireme::ps {

class PayloadPool;

struct ReturnToPool {
  std::shared_ptr<PayloadPool> pool;
  void operator()(AlignedBuffer* buffer) const noexcept;
};
using Payload = std::unique_ptr<AlignedBuffer, ReturnToPool>;  // at least as large as was asked for

// One thread. Payloads keep their pool alive.
class PayloadPool : public std::enable_shared_from_this<PayloadPool> {
 public:
  static std::shared_ptr<PayloadPool> make() {
    return std::shared_ptr<PayloadPool>(new PayloadPool());
  }
  Payload take(size_t bytes);
  size_t bytes() const { return bytes_; }  // of all payloads, in use or not

 private:
  friend struct ReturnToPool;
  PayloadPool() = default;
  std::vector<std::unique_ptr<AlignedBuffer>> free_;
  size_t bytes_ = 0;
};

}  // namespace trireme::ps
