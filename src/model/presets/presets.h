#pragma once
// The models that come with the program, each a function from its keys to lines.

#include "model/build.h"
#include "model/presets/lines.h"
#include "model/presets/options.h"

namespace trireme {

// Layers, losses and metrics of model.preset. Lines of the experiment itself win: its inputs,
// losses and metrics replace the preset's. Throws ConfigError: unknown preset or key, layers beside
// a preset, data that the preset cannot take.
ModelConfig expand_preset(const ModelConfig& model, const DataShape& data);

namespace presets {

struct Request {
  const PresetOptions& options;
  const DataShape& data;
  PresetLines& out;
};

void linear_regression(const Request&);
void logistic_regression(const Request&);
void svm(const Request&);
void mlp(const Request&);
void lenet5(const Request&);
void mnist_cnn(const Request&);
void cifar_cnn(const Request&);
void resnet20(const Request&);
void resnet18(const Request&);
void resnet50(const Request&);
void sparse_logistic(const Request&);
void wide_deep(const Request&);
void deepfm(const Request&);
void dlrm(const Request&);
void matrix_factorization(const Request&);

}  // namespace presets
}  // namespace trireme
