// Convolution plans. Forward, cuDNN takes as much of bias and activation along as it has an engine
// for; the rest, and the sum for a bias's gradient, is done by kernels of ours behind it.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <memory>
#include <string>

#include "kernels/cuda/context.h"
#include "kernels/cuda/conv_graph.h"
#include "kernels/cuda/plan.h"

namespace trireme::cu {
namespace {

Status on_library(Stream* stream, const ConvGraph& graph, void* const* arguments,
                  void* scratch) noexcept {
  DeviceContext& device = *opened();
  const std::scoped_lock lock(device.cudnn_mutex);
  const cudnnStatus_t rc =
      cudnnSetStream(device.cudnn.get(), reinterpret_cast<cudaStream_t>(stream));
  if (rc != CUDNN_STATUS_SUCCESS) {
    keep_error("cudnnSetStream", cudnnGetErrorString(rc));
    return Status::failed;
  }
  return graph.run(device.cudnn.get(), arguments, workspace_in(scratch));
}

class ConvPlan final : public Plan {
 public:
  ConvPlan(const Conv2dSpec& spec, ConvPass pass, const ConvFusion& fused,
           std::unique_ptr<const ConvGraph> graph)
      : spec_(spec), pass_(pass), fused_(fused), graph_(std::move(graph)) {}
  // The library and, behind it, the sum for the bias's gradient use the same bytes.
  size_t scratch_bytes() const {
    const size_t library = scratch_for(graph_->workspace_bytes());
    if (pass_ != ConvPass::backward_weights || !spec_.bias) return library;
    return std::max(library,
                    opened()->kernels.reduction_scratch(output_of(spec_).rows(), spec_.c_out));
  }

  Status run(Stream* stream, void* const* arguments, void* scratch) const noexcept override {
    const Status status = on_library(stream, *graph_, arguments, scratch);
    if (status != Status::ok) return status;
    const KernelTable& k = opened()->kernels;
    const ConvOutput y = output_of(spec_);
    if (pass_ == ConvPass::forward && fused_.activation != spec_.activation) {
      auto* values = static_cast<float*>(arguments[3]);
      return k.activation_forward(stream, spec_.activation, spec_.alpha, y.elements(), values,
                                  values);
    }
    if (pass_ == ConvPass::backward_weights && spec_.bias && arguments[3])
      return k.column_sum(stream, y.rows(), spec_.c_out, static_cast<const float*>(arguments[1]),
                          static_cast<float*>(arguments[3]), Write::set, scratch);
    return Status::ok;
  }

 private:
  Conv2dSpec spec_;
  ConvPass pass_;
  ConvFusion fused_;
  std::unique_ptr<const ConvGraph> graph_;
};

// No samples: only the gradients of the parameters have elements, and they are zero.
class EmptyPlan final : public Plan {
 public:
  EmptyPlan(const Conv2dSpec& s, ConvPass pass)
      : weights_(pass == ConvPass::backward_weights
                     ? static_cast<size_t>(s.c_out * s.kernel_h * s.kernel_w * s.c_in / s.groups)
                     : 0),
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
    const DeviceContext& device = *opened();
    const ConvTarget target{.handle = device.cudnn.get(), .reproducible = device.reproducible};
    ConvFusion fused;
    std::string why;
    auto graph = plan_with_most_fusion(*spec, pass, target, fused, why);
    if (!graph) {
      keep_error("cuDNN", why.c_str());
      return Status::unsupported;
    }
    auto plan = std::make_unique<ConvPlan>(*spec, pass, fused, std::move(graph));
    info->scratch_bytes = plan->scratch_bytes();
    *out = plan.release();
    return Status::ok;
  });
}

}  // namespace trireme::cu
