#pragma once
// From trained weights to files that the serving tier reads, checked before anybody sees them.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "config/experiment.h"
#include "data/source.h"
#include "model/graph.h"
#include "tensor/buffer.h"

namespace trireme {

// Everything an export is made of. Weights and running statistics by slot name, logical layout.
struct TrainedModel {
  const Graph* graph = nullptr;
  std::map<std::string, HostTensor> weights;  // params and state
  Preprocessing preprocessing;
  std::string config;  // resolved experiment, INI
  std::string origin;  // run and step, for the model card
};

// Inputs (logical layout N,C,H,W or N,F, normalised; ids N,features,values) and the outputs that
// training's own program gave. What the model does not read has rank 0.
struct Goldens {
  HostTensor input, output;
  HostTensor ids = {};
};

struct ParityReport {
  double max_absolute = 0, max_relative = 0;
  int64_t compared = 0;
  bool passed = false;
  std::string text;  // one line for the user
};

// Writes OUT/model.onnx, OUT/model.safetensors, OUT/goldens.safetensors, OUT/preprocessing.json,
// OUT/experiment.ini, OUT/README.md (by `formats`) and OUT/SHA256SUMS into OUT.tmp-PID, reads each
// model back, replays the goldens
// (|a - b| <= atol + rtol |b|), and renames to OUT only when all agree. A mismatch throws
// FormatError and leaves nothing. An existing OUT is never overwritten (ConfigError).
ParityReport export_model(const TrainedModel& model, const Goldens& goldens,
                          const std::vector<std::string>& formats, double atol, double rtol,
                          const Path& out);

// A model read back from an export folder, .onnx or .safetensors file: graph rebuilt, weights
// loaded. Files that SHA256SUMS beside them lists with another digest are refused (FormatError).
struct LoadedModel {
  std::unique_ptr<Graph> graph;
  std::map<std::string, HostTensor> weights;  // by slot name
  Preprocessing preprocessing;
  std::string config;  // resolved experiment; empty when the file has none
};
LoadedModel load_export(const Path& what);

// ONNX alone (opset 17, IR 8). Preprocessing and config go into metadata_props.
void write_onnx(const TrainedModel& model, const Path& file);
LoadedModel read_onnx(const Path& file);  // the subset that write_onnx writes; FormatError names
                                          // what is not supported

// Runs a graph on given weights in inference mode. input: logical, normalised, any number of
// samples; ids: as many, int64. What the graph does not read may be anything.
class Predictor {
 public:
  Predictor(const Graph& graph, const std::map<std::string, HostTensor>& weights);
  ~Predictor();
  // The graph's output (logits), logical layout.
  HostTensor run(const HostTensor& input, const HostTensor& ids = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trireme
