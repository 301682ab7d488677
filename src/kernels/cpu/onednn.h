#pragma once
// What the oneDNN plans share: the engine, each thread's stream, and the arguments of one
// execution.

#include <dnnl.hpp>

#include "kernels/cpu/own_plans.h"
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

// User-managed scratchpad; `accumulate`: the result is added to what is there.
dnnl::primitive_attr attributes(bool accumulate);

// The activation is ours, in a pass of its own: the library's ReLU turns NaN into zero, and what
// went wrong in a step must stay visible.
class Epilogue {
 public:
  template <class Spec>
  Epilogue(const OwnPlans& own, const Spec& spec)
      : apply_(own.activation), kind_(spec.activation), alpha_(spec.alpha) {}
  Status run(size_t n, void* y) const noexcept {
    if (kind_ == Activation::none) return Status::ok;
    auto* values = static_cast<float*>(y);
    return apply_(nullptr, kind_, alpha_, static_cast<int64_t>(n), values, values);
  }

 private:
  decltype(OwnPlans::activation) apply_;
  Activation kind_;
  float alpha_;
};

// Make oneDNN's plan; throw dnnl::error.
void make_onednn(const ConvTask&, const OwnPlans&, Plan** out, PlanInfo* info);
void make_onednn(const MatmulTask&, const OwnPlans&, Plan** out, PlanInfo* info);

// Runs `make`, which may throw dnnl::error, and turns what happens into a Status.
template <class Make>
Status guarded(Make make) noexcept {
  try {
    OneThread one;
    make();
    return Status::ok;
  } catch (const dnnl::error& e) {
    return e.status == dnnl_unimplemented       ? Status::unsupported
           : e.status == dnnl_invalid_arguments ? Status::invalid
                                                : Status::failed;
  } catch (...) {
    return Status::failed;
  }
}

}  // namespace trireme::cpu
