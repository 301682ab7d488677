#include <fmt/format.h>

#include "model/presets/presets.h"

namespace trireme::presets {
namespace {

void classifier_end(const Request& r, const char* name) {
  r.out.layer(name, "dense", fmt::format("units={}", r.data.classes));
  r.out.loss("softmax_cross_entropy");
  r.out.metric("accuracy");
}

}  // namespace

void lenet5(const Request& r) {
  const std::string& act = r.options.text("activation");
  const std::string pool = r.options.text("pool") + "pool2d";
  r.out.layer("c1", "conv2d", "filters=6 kernel=5 padding=2 activation=" + act);
  r.out.layer("s2", pool, "size=2");
  r.out.layer("c3", "conv2d", "filters=16 kernel=5 activation=" + act);
  r.out.layer("s4", pool, "size=2");
  r.out.layer("flatten", "flatten");
  r.out.layer("f5", "dense", "units=120 activation=" + act);
  r.out.layer("f6", "dense", "units=84 activation=" + act);
  classifier_end(r, "out");
}

void mnist_cnn(const Request& r) {
  r.out.layer("conv1", "conv2d", "filters=32 kernel=3 activation=relu");
  r.out.layer("conv2", "conv2d", "filters=64 kernel=3 activation=relu");
  r.out.layer("pool", "maxpool2d", "size=2");
  r.out.layer("drop1", "dropout", "p=" + r.options.text("conv_dropout"));
  r.out.layer("flatten", "flatten");
  r.out.layer("fc1", "dense", fmt::format("units={} activation=relu", r.options.integer("hidden")));
  r.out.layer("drop2", "dropout", "p=" + r.options.text("dense_dropout"));
  classifier_end(r, "fc2");
}

void cifar_cnn(const Request& r) {
  const bool norm = r.options.boolean("batch_norm");
  int64_t filters = r.options.integer("width");
  for (int i = 1; i <= 4; ++i) {
    const std::string id = fmt::to_string(i);
    // Batch normalisation has its own shift: a bias before it would never matter.
    r.out.layer("conv" + id, "conv2d",
                fmt::format("filters={} kernel=3 padding=1 bias={}{}", filters, !norm,
                            norm ? "" : " activation=relu"));
    if (norm) {
      r.out.layer("bn" + id, "batch_norm", "stats=" + r.options.text("stats"));
      r.out.layer("relu" + id, "relu");
    }
    if (i % 2 == 0) {
      r.out.layer("pool" + fmt::to_string(i / 2), "maxpool2d", "size=2");
      filters *= 2;
    }
  }
  r.out.layer("flatten", "flatten");
  r.out.layer("fc1", "dense", fmt::format("units={} activation=relu", r.options.integer("hidden")));
  if (r.options.number("dropout") > 0)
    r.out.layer("drop", "dropout", "p=" + r.options.text("dropout"));
  classifier_end(r, "fc2");
}

}  // namespace trireme::presets
