#pragma once
// What the oneDNN plans share: the engine, each thread's stream, and the arguments of one execution.

#include <dnnl.hpp>

#include "kernels/kernel_table.h"

namespace trireme::cpu {

const dnnl::engine& engine();
const dnnl::stream& thread_stream();

// oneDNN stores the number of OpenMP threads in a primitive when it is made. Plans are for one
// thread, whatever the maker's setting is.
class OneThread {
 public:
  OneThread();
  ~OneThread();

 private:
  int before_;
};

// A memory object is two words around a pointer; making one costs about 0.1 us.
class Arguments {
 public:
  Arguments() = default;
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;
  ~Arguments();
  // Nothing is added when `md` has no bytes (no bias, no scratchpad).
  void add(int name, const dnnl::memory::desc& md, void* data);
  Status execute(const dnnl::primitive& primitive);

 private:
  static constexpr int kMost = 6;
  dnnl_exec_arg_t args_[kMost];
  int count_ = 0;
  bool failed_ = false;
};

// Copies between two layouts of the same tensor.
class Relayout {
 public:
  Relayout() = default;
  Relayout(const dnnl::memory::desc& from, const dnnl::memory::desc& to);
  explicit operator bool() const { return static_cast<bool>(primitive_); }
  Status run(const void* from, void* to) const;

 private:
  dnnl::memory::desc from_, to_;
  dnnl::reorder primitive_;
};

// User-managed scratchpad, and the activation as a post-op after `accumulate`'s sum.
// Throws dnnl::error (unimplemented) for an activation that is not offered as an epilogue.
dnnl::primitive_attr attributes(Activation act, float alpha, bool accumulate);

// Runs `make`, which may throw dnnl::error, and turns what happens into a Status.
template <class Make>
Status guarded(Make make) noexcept {
  try {
    OneThread one;
    make();
    return Status::ok;
  } catch (const dnnl::error& e) {
    return e.status == dnnl_unimplemented ? Status::unsupported
                                          : e.status == dnnl_invalid_arguments ? Status::invalid
                                                                               : Status::failed;
  } catch (...) {
    return Status::failed;
  }
}

}  // namespace trireme::cpu
