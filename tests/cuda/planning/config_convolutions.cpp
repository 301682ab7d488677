#include "cuda/planning/config_convolutions.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "model/build/config_data.h"
#include "model/program.h"

namespace trireme {
namespace {

// What make_conv2d of the recording table was asked for. Kernel tables have no place for an owner.
std::vector<Convolution>* recorded = nullptr;

// Gives the plan of no samples, which costs nothing.
Status record_conv2d(const Conv2dSpec* spec, ConvPass pass, Plan** out, PlanInfo* info) noexcept {
  recorded->push_back({*spec, pass});
  Conv2dSpec empty = *spec;
  empty.n = 0;
  return cpu_kernels().make_conv2d(&empty, pass, out, info);
}

void compile(const std::string& file) {
  const Experiment experiment = load_experiment(file, {});
  const auto graph = build_graph(experiment, testing_model::data_of(experiment));
  KernelTable table = cpu_kernels();
  table.make_conv2d = record_conv2d;
  const int64_t batch = experiment.train.batch_size;
  ProgramOptions options;
  (void)Program::compile(*graph, table, batch, options);
  options.mode = Mode::inference;
  (void)Program::compile(*graph, table, std::max<int64_t>(batch, 256), options);
}

// What kernel_table.h offers and no shipped experiment uses.
void add_further(std::vector<Convolution>& all) {
  const Conv2dSpec plain{.n = 8,
                         .h = 20,
                         .w = 24,
                         .c_in = 32,
                         .c_out = 64,
                         .kernel_h = 3,
                         .kernel_w = 5,
                         .stride_h = 1,
                         .stride_w = 2,
                         .pad_h = 1,
                         .pad_w = 2,
                         .dilation_h = 1,
                         .dilation_w = 1,
                         .groups = 1,
                         .bias = true,
                         .activation = Activation::none,
                         .alpha = 0.1f};
  Conv2dSpec dilated = plain, grouped = plain, depthwise = plain, odd = plain;
  dilated.dilation_h = dilated.dilation_w = 2;
  grouped.groups = 4;
  depthwise.groups = 32;
  depthwise.c_out = 32;
  odd.c_in = 5;
  odd.c_out = 7;
  for (const Conv2dSpec& spec : {plain, dilated, grouped, depthwise, odd})
    for (const ConvPass pass :
         {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights})
      all.push_back({spec, pass});
  for (const Activation activation :
       {Activation::leaky_relu, Activation::sigmoid, Activation::tanh}) {
    Conv2dSpec spec = plain;
    spec.activation = activation;
    all.push_back({spec, ConvPass::forward});
  }
}

const char* name_of(ConvPass pass) {
  switch (pass) {
    case ConvPass::forward:
      return "forward";
    case ConvPass::backward_data:
      return "backward_data";
    case ConvPass::backward_weights:
      return "backward_weights";
  }
  return "?";
}

const char* name_of(Activation a) {
  switch (a) {
    case Activation::none:
      return "";
    case Activation::relu:
      return " relu";
    case Activation::leaky_relu:
      return " leaky_relu";
    case Activation::sigmoid:
      return " sigmoid";
    case Activation::tanh:
      return " tanh";
    default:
      return " ?";
  }
}

}  // namespace

std::string describe(const Convolution& c) {
  const Conv2dSpec& s = c.spec;
  // Only forward computes bias and activation in the library.
  const bool forward = c.pass == ConvPass::forward;
  return fmt::format(
      "{} {}x{}x{}x{}, {} filters {}x{}, stride {}x{}, padding {}x{}{}{}{}{}", name_of(c.pass), s.n,
      s.h, s.w, s.c_in, s.c_out, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.pad_h, s.pad_w,
      s.dilation_h * s.dilation_w > 1 ? fmt::format(", dilation {}x{}", s.dilation_h, s.dilation_w)
                                      : "",
      s.groups > 1 ? fmt::format(", {} groups", s.groups) : "", forward && s.bias ? ", bias" : "",
      forward ? name_of(s.activation) : "");
}

std::vector<Convolution> convolutions_of_configs() {
  std::vector<Convolution> all;
  recorded = &all;
  for (const auto& entry : std::filesystem::directory_iterator(TRIREME_SOURCE_DIR "/configs"))
    if (entry.path().extension() == ".ini") compile(entry.path().string());
  recorded = nullptr;
  add_further(all);
  std::map<std::string, Convolution> distinct;
  for (const Convolution& convolution : all) distinct.emplace(describe(convolution), convolution);
  std::vector<Convolution> result;
  for (const auto& [name, convolution] : distinct) result.push_back(convolution);
  return result;
}

}  // namespace trireme
