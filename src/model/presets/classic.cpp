#include <fmt/format.h>

#include "model/presets/presets.h"

namespace trireme::presets {
namespace {

// A dense layer needs flat samples; a flat sample needs no layer for that.
void flatten_images(const Request& r) {
  if (r.data.input.rank() > 1) r.out.layer("flatten", "flatten");
}

void one_dense(const Request& r, int64_t units) {
  flatten_images(r);
  r.out.layer("fc", "dense", fmt::format("units={} bias={}", units, r.options.boolean("bias")));
}

}  // namespace

void linear_regression(const Request& r) {
  one_dense(r, r.data.target_width);
  r.out.loss("mse");
  r.out.metric("mse");
  r.out.metric("r2");
}

void logistic_regression(const Request& r) {
  one_dense(r, r.data.classes);
  r.out.loss("softmax_cross_entropy");
  r.out.metric("accuracy");
}

void svm(const Request& r) {
  one_dense(r, r.data.classes);
  r.out.loss("hinge", fmt::format("margin={} squared={}", r.options.text("margin"),
                                  r.options.boolean("squared")));
  r.out.metric("accuracy");
}

void mlp(const Request& r) {
  flatten_images(r);
  const double drop = r.options.number("dropout");
  int i = 0;
  for (const int64_t width : r.options.widths("hidden")) {
    ++i;
    r.out.layer(fmt::format("fc{}", i), "dense",
                fmt::format("units={} activation={}", width, r.options.text("activation")));
    if (drop > 0) r.out.layer(fmt::format("drop{}", i), "dropout", fmt::format("p={}", drop));
  }
  const bool classes = r.data.classes > 0;
  r.out.layer("out", "dense",
              fmt::format("units={}", classes ? r.data.classes : r.data.target_width));
  r.out.loss(classes ? "softmax_cross_entropy" : "mse");
  if (classes) {
    r.out.metric("accuracy");
  } else {
    r.out.metric("mse");
    r.out.metric("r2");
  }
}

}  // namespace trireme::presets
