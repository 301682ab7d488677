#pragma once
#include <utility>

namespace trireme::cu {

// Owns one C handle; move-only; frees without throwing.
template <class Handle, auto Destroy>
class UniqueHandle {
 public:
  explicit UniqueHandle(Handle h = {}) noexcept : h_(h) {}
  UniqueHandle(UniqueHandle&& o) noexcept : h_(o.release()) {}
  UniqueHandle& operator=(UniqueHandle o) noexcept {
    std::swap(h_, o.h_);
    return *this;
  }
  ~UniqueHandle() {
    if (h_ != Handle{}) (void)Destroy(h_);
  }
  Handle get() const noexcept { return h_; }
  Handle* put() noexcept { return &h_; }  // for functions that make one; only while empty
  Handle release() noexcept { return std::exchange(h_, Handle{}); }

 private:
  Handle h_;
};

}  // namespace trireme::cu
