// Convolution plans. Forward, cuDNN takes as much of bias and activation along as it has an engine
// for; the rest, the sum for a bias's gradient, and the widening of a gradient of weights that
// cuDNN only gives as 2-byte Elements, is done by kernels of ours behind it.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>

#include "kernels/cuda/context.h"
#include "kernels/cuda/conv_graph.h"
#include "kernels/cuda/own/bias.h"
#include "kernels/cuda/plan.h"

namespace trireme::cu {
namespace {

Status on_library(Stream* stream, const ConvGraph& graph, void* const* arguments,
                  void* workspace) noexcept {
  DeviceContext& device = *opened();
  const std::scoped_lock lock(device.cudnn_mutex);
  const cudnnStatus_t rc =
      cudnnSetStream(device.cudnn.get(), reinterpret_cast<cudaStream_t>(stream));
  if (rc != CUDNN_STATUS_SUCCESS) {
    keep_error("cudnnSetStream", cudnnGetErrorString(rc));
    return Status::failed;
  }
  return graph.run(device.cudnn.get(), arguments, workspace);
}

int64_t weights_of(const Conv2dSpec& s) {
  return s.c_out * s.kernel_h * s.kernel_w * s.c_in / s.groups;
}

class ConvPlan final : public Plan {
 public:
  ConvPlan(const Conv2dSpec& spec, ConvPass pass, std::shared_ptr<const ConvGraph> graph)
      : spec_(spec), pass_(pass), graph_(std::move(graph)) {
    const ElementType element = table().element;
    if (pass != ConvPass::backward_weights || element == ElementType::f32) return;
    const size_t bytes = static_cast<size_t>(weights_of(spec)) * bytes_of(element);
    staged_bytes_ = (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
  }
  // The library and, behind it, the sum for the bias's gradient use the same bytes.
  size_t scratch_bytes() const {
    const size_t library = scratch_for(staged_bytes_ + graph_->workspace_bytes());
    if (pass_ != ConvPass::backward_weights || !spec_.bias) return library;
    return std::max(library, table().reduction_scratch(output_of(spec_).rows(), spec_.c_out));
  }

  Status run(Stream* stream, void* const* arguments, void* scratch) const noexcept override {
    switch (pass_) {
      case ConvPass::forward:
        return forward(stream, arguments, scratch);
      case ConvPass::backward_data:
        return on_library(stream, *graph_, arguments, workspace_in(scratch));
      case ConvPass::backward_weights:
        return backward_weights(stream, arguments, scratch);
    }
    return Status::invalid;
  }

 private:
  static const KernelTable& table() { return opened()->kernels; }

  Status forward(Stream* stream, void* const* arguments, void* scratch) const noexcept {
    Status status = on_library(stream, *graph_, arguments, workspace_in(scratch));
    const ConvOutput y = output_of(spec_);
    auto* values = static_cast<Element*>(arguments[3]);
    if (status == Status::ok && spec_.bias && !graph_->fusion().bias)
      status = add_bias_of(table().element)(stream, y.rows(), y.c,
                                            static_cast<const float*>(arguments[2]), values);
    if (status != Status::ok || graph_->fusion().activation == spec_.activation) return status;
    return table().activation_forward(stream, spec_.activation, spec_.alpha, y.elements(), values,
                                      values);
  }

  Status backward_weights(Stream* stream, void* const* arguments, void* scratch) const noexcept {
    auto* workspace = static_cast<std::byte*>(workspace_in(scratch));
    void* staged = staged_bytes_ > 0 ? workspace : arguments[2];
    void* const of_graph[] = {arguments[0], arguments[1], staged};
    Status status = on_library(stream, *graph_, of_graph, workspace + staged_bytes_);
    if (status == Status::ok && staged_bytes_ > 0)
      status = table().widen(stream, weights_of(spec_), static_cast<const Element*>(staged),
                             static_cast<float*>(arguments[2]));
    if (status != Status::ok || !spec_.bias || !arguments[3]) return status;
    return table().column_sum(stream, output_of(spec_).rows(), spec_.c_out,
                              static_cast<const Element*>(arguments[1]),
                              static_cast<float*>(arguments[3]), Write::set, scratch);
  }

  Conv2dSpec spec_;
  ConvPass pass_;
  std::shared_ptr<const ConvGraph> graph_;  // equal convolutions have one
  size_t staged_bytes_ = 0;  // of a gradient of weights that cuDNN gives as 2-byte Elements
};

// No samples: only the gradients of the parameters have elements, and they are zero.
class EmptyPlan final : public Plan {
 public:
  EmptyPlan(const Conv2dSpec& s, ConvPass pass)
      : weights_(pass == ConvPass::backward_weights ? static_cast<size_t>(weights_of(s)) : 0),
        bias_(s.bias ? static_cast<size_t>(s.c_out) : 0) {}
  Status run(Stream* stream, void* const* arguments, void*) const noexcept override {
    if (weights_ == 0) return Status::ok;
    const Status status = zero(stream, arguments[2], weights_);
    return status == Status::ok && bias_ > 0 && arguments[3] ? zero(stream, arguments[3], bias_)
                                                             : status;
  }

 private:
  static Status zero(Stream* stream, void* values, size_t n) noexcept {
    const DeviceStatus status = status_of(
        cudaMemsetAsync(values, 0, n * sizeof(float), reinterpret_cast<cudaStream_t>(stream)),
        "cudaMemsetAsync");
    return status == DeviceStatus::ok ? Status::ok : Status::failed;
  }
  size_t weights_, bias_;
};

bool valid(const Conv2dSpec& s) {
  const bool sizes = s.n >= 0 && s.h > 0 && s.w > 0 && s.c_in > 0 && s.c_out > 0 && s.groups > 0;
  const bool window = s.kernel_h > 0 && s.kernel_w > 0 && s.stride_h > 0 && s.stride_w > 0 &&
                      s.pad_h >= 0 && s.pad_w >= 0 && s.dilation_h > 0 && s.dilation_w > 0;
  if (!sizes || !window || s.c_in % s.groups != 0 || s.c_out % s.groups != 0) return false;
  const ConvOutput y = output_of(s);
  return y.h > 0 && y.w > 0;
}

// Activations that a convolution may end with (kernel_table.h).
bool is_epilogue(Activation a) {
  return a == Activation::none || a == Activation::relu || a == Activation::leaky_relu ||
         a == Activation::sigmoid || a == Activation::tanh;
}

}  // namespace

Status make_conv2d(const Conv2dSpec* spec, ConvPass pass, Plan** out, PlanInfo* info) noexcept {
  *out = nullptr;
  *info = {};
  if (!valid(*spec)) return Status::invalid;
  if (!is_epilogue(spec->activation)) return Status::unsupported;
  return guarded([&] {
    if (spec->n == 0) {
      *out = new EmptyPlan(*spec, pass);
      return Status::ok;
    }
    std::string why;
    auto graph = opened()->convolutions->get(*spec, pass, why);
    if (!graph) {
      keep_error("cuDNN", why.c_str());
      return Status::unsupported;
    }
    auto plan = std::make_unique<ConvPlan>(*spec, pass, std::move(graph));
    info->scratch_bytes = plan->scratch_bytes();
    *out = plan.release();
    return Status::ok;
  });
}

}  // namespace trireme::cu
