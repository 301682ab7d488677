// Deep residual networks (He et al., CVPR 2016, arXiv:1512.03385). Names and layout are
// torchvision's; projections are 1x1 convolutions (option B of the paper).

#include <fmt/format.h>

#include "model/presets/presets.h"

namespace trireme::presets {
namespace {

class ResNet {
 public:
  explicit ResNet(const Request& r) : out_(r.out), stats_(r.options.text("stats")) {}

  void conv_bn(const std::string& conv, const std::string& bn, int64_t filters, int kernel,
               int stride, bool relu, const std::string& relu_name = {},
               std::vector<std::string> from = {}) {
    out_.layer(
        conv, "conv2d",
        fmt::format("filters={} kernel={} stride={} padding={} bias=false init=kaiming_normal",
                    filters, kernel, stride, kernel / 2),
        std::move(from));
    last_ = out_.layer(bn, "batch_norm", "stats=" + stats_);
    if (relu) last_ = out_.layer(relu_name, "relu");
  }

  void after(std::string layer) { last_ = std::move(layer); }

  // Two 3x3 convolutions (basic) or 1x1 - 3x3 - 1x1 (bottleneck, four times as wide at its end),
  // and the shortcut.
  void block(const std::string& name, int64_t filters, int stride, bool bottleneck) {
    const std::string in = last_;
    const int64_t width = bottleneck ? 4 * filters : filters;
    const std::vector<int> kernels = bottleneck ? std::vector{1, 3, 1} : std::vector{3, 3};
    const size_t strided = bottleneck ? 1 : 0;
    for (size_t i = 0; i < kernels.size(); ++i) {
      const bool end = i + 1 == kernels.size();
      const std::string id = fmt::to_string(i + 1);
      conv_bn(name + ".conv" + id, name + ".bn" + id, end ? width : filters, kernels[i],
              i == strided ? stride : 1, !end, name + ".relu" + id,
              i == 0 ? std::vector{in} : std::vector<std::string>{});
    }
    const std::string branch = last_;
    std::string shortcut = in;
    if (stride != 1 || width != channels_) {
      conv_bn(name + ".downsample.0", name + ".downsample.1", width, 1, stride, false, {}, {in});
      shortcut = last_;
    }
    out_.layer(name + ".add", "add", {}, {branch, shortcut});
    last_ = out_.layer(name + ".relu", "relu");
    channels_ = width;
  }

  // Stage i has blocks[i] blocks; its first halves the image, except in stage 1.
  void stages(int64_t width, const std::vector<int>& blocks, bool bottleneck) {
    channels_ = width;
    for (size_t stage = 0; stage < blocks.size(); ++stage, width *= 2)
      for (int i = 0; i < blocks[stage]; ++i)
        block(fmt::format("layer{}.{}", stage + 1, i), width, stage > 0 && i == 0 ? 2 : 1,
              bottleneck);
  }

  void end(int64_t classes) {
    out_.layer("avgpool", "global_avg_pool");
    out_.layer("fc", "dense", fmt::format("units={}", classes));
    out_.loss("softmax_cross_entropy");
    out_.metric("accuracy");
    if (classes > 10) out_.metric("top_k", "k=5");
  }

 private:
  PresetLines& out_;
  std::string stats_, last_;
  int64_t channels_ = 0;
};

void imagenet(const Request& r, const std::vector<int>& blocks, bool bottleneck) {
  ResNet net(r);
  net.conv_bn("conv1", "bn1", 64, 7, 2, true, "relu");
  r.out.layer("maxpool", "maxpool2d", "size=3 stride=2 padding=1");
  net.after("maxpool");
  net.stages(64, blocks, bottleneck);
  net.end(r.data.classes);
}

}  // namespace

void resnet20(const Request& r) {
  ResNet net(r);
  const int64_t width = r.options.integer("width");
  net.conv_bn("conv1", "bn1", width, 3, 1, true, "relu");
  net.stages(width, {3, 3, 3}, false);
  net.end(r.data.classes);
}

void resnet18(const Request& r) { imagenet(r, {2, 2, 2, 2}, false); }
void resnet50(const Request& r) { imagenet(r, {3, 4, 6, 3}, true); }

}  // namespace trireme::presets
