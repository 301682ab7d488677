#include "kernels/cuda/conv_graph.h"

#define CUDNN_FRONTEND_SKIP_JSON_LIB  // a plan's text is made and read by cuDNN itself
#include <cudnn_frontend.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "kernels/cuda/conv_timing.h"
#include "kernels/cuda/last_error.h"

namespace trireme::cu {
namespace {

namespace fe = cudnn_frontend;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;
using Dims = std::vector<int64_t>;
using Arguments = std::vector<size_t>;

// Position in the arguments of run(), and by that the tensor's uid: cuDNN takes uids above zero.
int64_t uid_of(int argument) { return argument + 1; }

int64_t extent(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  const int64_t room = in + 2 * pad - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

// The problem in cuDNN's terms: dims are N,C,H,W whatever lies in memory; strides say what does.
struct Problem {
  explicit Problem(const Conv2dSpec& s)
      : x{s.n, s.c_in, s.h, s.w},
        w{s.c_out, s.c_in / s.groups, s.kernel_h, s.kernel_w},
        y{s.n, s.c_out, output_of(s).h, output_of(s).w},
        bias{1, s.c_out, 1, 1},
        padding{s.pad_h, s.pad_w},
        stride{s.stride_h, s.stride_w},
        dilation{s.dilation_h, s.dilation_w} {}
  Dims x, w, y, bias, padding, stride, dilation;
};

Dims channels_last(const Dims& d) { return {d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]}; }

fe::DataType_t native(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return fe::DataType_t::BFLOAT16;
    case ElementType::f16:
      return fe::DataType_t::HALF;
    case ElementType::f32:
      break;
  }
  return fe::DataType_t::FLOAT;
}

// The frontend's graph, whose plan goes on without it.
class Graph final : public fe::graph::Graph {
 public:
  const fe::ExecutionPlan& plan() const {
    return *plans.execution_plans.at(static_cast<size_t>(plans.candidate));
  }
};

class Builder {
 public:
  Builder(const Conv2dSpec& spec, ElementType element)
      : spec_(spec), p_(spec), element_(native(element)) {
    graph_ = std::make_unique<Graph>();
    graph_->set_io_data_type(element_)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
  }

  std::unique_ptr<Graph> build(ConvPass pass, const ConvFusion& fusion) {
    switch (pass) {
      case ConvPass::forward: {
        Tensor y = graph_->conv_fprop(input(0, p_.x, element_), input(1, p_.w, element_),
                                      with_windows(fe::graph::Conv_fprop_attributes()));
        if (fusion.bias)
          y = graph_->pointwise(y, input(2, p_.bias, fe::DataType_t::FLOAT),
                                pointwise(fe::PointwiseMode_t::ADD));
        if (fusion.activation != Activation::none)
          y = graph_->pointwise(y, activation(fusion.activation));
        output(y, 3, p_.y, element_);
        break;
      }
      case ConvPass::backward_data:
        output(graph_->conv_dgrad(input(0, p_.y, element_), input(1, p_.w, element_),
                                  with_windows(fe::graph::Conv_dgrad_attributes())),
               2, p_.x, element_);
        break;
      case ConvPass::backward_weights:
        output(graph_->conv_wgrad(input(1, p_.y, element_), input(0, p_.x, element_),
                                  with_windows(fe::graph::Conv_wgrad_attributes())),
               2, p_.w, element_);
        break;
    }
    return std::move(graph_);
  }

 private:
  Tensor input(int argument, const Dims& dims, fe::DataType_t type) {
    return graph_->tensor(fe::graph::Tensor_attributes()
                              .set_uid(uid_of(argument))
                              .set_dim(dims)
                              .set_stride(channels_last(dims))
                              .set_data_type(type));
  }
  void output(const Tensor& t, int argument, const Dims& dims, fe::DataType_t type) {
    t->set_output(true)
        .set_uid(uid_of(argument))
        .set_dim(dims)
        .set_stride(channels_last(dims))
        .set_data_type(type);
  }
  template <class Attributes>
  Attributes with_windows(Attributes attributes) {
    attributes.set_padding(p_.padding).set_stride(p_.stride).set_dilation(p_.dilation);
    return attributes;
  }
  static fe::graph::Pointwise_attributes pointwise(fe::PointwiseMode_t mode) {
    return fe::graph::Pointwise_attributes().set_mode(mode);
  }
  fe::graph::Pointwise_attributes activation(Activation kind) {
    switch (kind) {
      case Activation::sigmoid:
        return pointwise(fe::PointwiseMode_t::SIGMOID_FWD);
      case Activation::tanh:
        return pointwise(fe::PointwiseMode_t::TANH_FWD);
      case Activation::leaky_relu:
        return pointwise(fe::PointwiseMode_t::RELU_FWD).set_relu_lower_clip_slope(spec_.alpha);
      default:
        return pointwise(fe::PointwiseMode_t::RELU_FWD);
    }
  }

  const Conv2dSpec& spec_;
  Problem p_;
  fe::DataType_t element_;
  std::unique_ptr<Graph> graph_;
};

// No sums of less than fp32, and no inputs of less precision than asked for: in fp32 that also
// means no tensor cores, which would round them to TF32.
void keep_engines(fe::graph::Graph& graph, const ConvTarget& target) {
  graph.deselect_numeric_notes(
      {fe::NumericalNote_t::DOWN_CONVERT_INPUTS, fe::NumericalNote_t::REDUCED_PRECISION_REDUCTION});
  if (target.precision == Precision::fp32)
    graph.deselect_numeric_notes({fe::NumericalNote_t::TENSOR_CORE});
  if (target.reproducible) graph.deselect_numeric_notes({fe::NumericalNote_t::NONDETERMINISTIC});
}

// The device that is only described.
fe::error_t describe(const ConvTarget& target, std::shared_ptr<fe::DeviceProperties>& device) {
  device = std::make_shared<fe::DeviceProperties>();
  return device->deserialize(target.device);
}

fe::error_t aim(fe::graph::Graph& graph, const ConvTarget& target) {
  if (target.handle) return {};
  std::shared_ptr<fe::DeviceProperties> device;
  if (auto error = describe(target, device); error.is_bad()) return error;
  graph.set_device_properties(device);
  graph.set_sm_version(target.capability);
  return {};
}

// Runs the first candidates and takes the fastest. False: none ran.
bool take_fastest(fe::graph::Graph& graph, const Problem& problem, ElementType element,
                  cudnnContext* handle) {
  constexpr int64_t kMostCandidates = 12;
  constexpr int64_t kMostWorkspace = int64_t{1} << 30;
  ConvTiming timing({problem.x, problem.w, problem.y, problem.bias}, bytes_of(element), handle);
  float best_time = 0;
  int64_t best = -1;
  for (int64_t i = 0; i < std::min(kMostCandidates, graph.get_execution_plan_count()); ++i) {
    int64_t workspace = 0;
    if (graph.build_plan_at_index(i).is_bad() ||
        graph.get_workspace_size_plan_at_index(i, workspace).is_bad() || workspace > kMostWorkspace)
      continue;
    const float time = timing.milliseconds(static_cast<size_t>(workspace), [&](void* space) {
      auto pointers = timing.pointers();
      return graph.execute_plan_at_index(handle, pointers, space, i).is_good();
    });
    if (time > 0 && (best < 0 || time < best_time)) {
      best = i;
      best_time = time;
    }
  }
  return best >= 0 && graph.build_plan_at_index(best).is_good();
}

fe::error_t plan_graph(fe::graph::Graph& graph, const ConvTarget& target) {
  fe::error_t error = aim(graph, target);
  if (error.is_good()) error = graph.validate();
  if (error.is_good())
    error =
        target.handle ? graph.build_operation_graph(target.handle) : graph.build_operation_graph();
  if (error.is_good())
    error = graph.create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK});
  if (error.is_bad()) return error;
  keep_engines(graph, target);
  return graph.check_support();
}

// Builds the plan: the fastest now, or the heuristics' first. settled: that is what was asked for.
fe::error_t choose_plan(fe::graph::Graph& graph, const Conv2dSpec& spec, const ConvTarget& target,
                        bool& settled) {
  const bool times = target.tune && target.handle;
  settled =
      !times || take_fastest(graph, Problem(spec), element_of(target.precision), target.handle);
  return times && settled ? fe::error_t{} : graph.build_plans();
}

}  // namespace

ConvOutput output_of(const Conv2dSpec& s) {
  return {s.n, extent(s.h, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h),
          extent(s.w, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w), s.c_out};
}

struct ConvGraph::Impl {
  Impl(fe::ExecutionPlan made, std::string its_engine, ConvPass pass, const ConvFusion& taken)
      : plan(std::move(made)), engine(std::move(its_engine)), fusion(taken), arguments{0, 1, 2} {
    if (pass == ConvPass::forward)
      arguments = fusion.bias ? Arguments{0, 1, 2, 3} : Arguments{0, 1, 3};
    for (const size_t i : arguments) uids.push_back(uid_of(static_cast<int>(i)));
  }

  fe::ExecutionPlan plan;
  std::string engine;
  ConvFusion fusion;
  bool settled = true;
  Arguments arguments;  // that the plan takes, ascending as their uids
  Dims uids;
};

ConvGraph::ConvGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ConvGraph::~ConvGraph() = default;

std::unique_ptr<const ConvGraph> ConvGraph::plan(const Conv2dSpec& spec, ConvPass pass,
                                                 const ConvFusion& fusion, const ConvTarget& target,
                                                 std::string& why) {
  const auto graph = Builder(spec, element_of(target.precision)).build(pass, fusion);
  std::string engine;
  bool settled = false;
  fe::error_t error = plan_graph(*graph, target);
  if (error.is_good()) error = choose_plan(*graph, spec, target, settled);
  if (error.is_good()) error = graph->get_plan_name(engine);
  if (error.is_bad()) {
    why = error.get_message();
    return nullptr;
  }
  auto impl = std::make_unique<Impl>(graph->plan(), engine, pass, fusion);
  impl->settled = settled;
  return std::unique_ptr<const ConvGraph>(new ConvGraph(std::move(impl)));
}

std::unique_ptr<const ConvGraph> ConvGraph::restore(const std::string& text, ConvPass pass,
                                                    const ConvFusion& fusion,
                                                    const ConvTarget& target,
                                                    std::string& why) try {
  fe::ExecutionPlanBuilder builder;
  std::shared_ptr<fe::DeviceProperties> device;
  if (target.handle) {
    builder.setHandle(target.handle);
  } else if (auto error = describe(target, device); error.is_bad()) {
    why = error.get_message();
    return nullptr;
  } else {
    builder.setDeviceProperties(device);
  }
  fe::ExecutionPlan plan = builder.loadFromJson(text);
  const std::string engine = plan.getTag();
  return std::unique_ptr<const ConvGraph>(
      new ConvGraph(std::make_unique<Impl>(std::move(plan), engine, pass, fusion)));
} catch (const fe::cudnnException& e) {
  why = e.what();
  return nullptr;
}

size_t ConvGraph::workspace_bytes() const {
  return static_cast<size_t>(impl_->plan.getWorkspaceSize());
}
const std::string& ConvGraph::engine() const { return impl_->engine; }
const ConvFusion& ConvGraph::fusion() const { return impl_->fusion; }
bool ConvGraph::settled() const { return impl_->settled; }
std::string ConvGraph::text() const try {
  return impl_->plan.getJsonRepresentation();
} catch (const fe::cudnnException&) {
  return "";
}

int frontend_version() { return CUDNN_FRONTEND_VERSION; }

Status ConvGraph::run(cudnnContext* handle, void* const* arguments, void* workspace) const noexcept
    try {
  std::array<void*, 4> pointers;
  size_t n = 0;
  for (const size_t i : impl_->arguments) pointers[n++] = arguments[i];
  const auto pack = fe::VariantPackBuilder()
                        .setWorkspacePointer(workspace)
                        .setDataPointers(static_cast<int64_t>(n), pointers.data())
                        .setUids(static_cast<int64_t>(n), impl_->uids.data())
                        .build();
  const cudnnStatus_t rc =
      cudnnBackendExecute(handle, impl_->plan.get_raw_desc(), pack.get_raw_desc());
  if (rc == CUDNN_STATUS_SUCCESS) return Status::ok;
  keep_error("cudnnBackendExecute", cudnnGetErrorString(rc));
  return Status::failed;
} catch (const std::exception& e) {
  keep_error("cuDNN", e.what());
  return Status::failed;
}

std::unique_ptr<const ConvGraph> plan_with_most_fusion(const Conv2dSpec& spec, ConvPass pass,
                                                       const ConvTarget& target, std::string& why) {
  ConvFusion fused;
  if (pass == ConvPass::forward) fused = {.bias = spec.bias, .activation = spec.activation};
  auto graph = ConvGraph::plan(spec, pass, fused, target, why);
  if (!graph && fused.activation != Activation::none) {
    fused.activation = Activation::none;
    graph = ConvGraph::plan(spec, pass, fused, target, why);
  }
  if (!graph && fused.bias) {
    fused.bias = false;
    graph = ConvGraph::plan(spec, pass, fused, target, why);
  }
  return graph;
}

}  // namespace trireme::cu
