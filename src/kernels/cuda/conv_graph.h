#pragma once
// One convolution pass as a cuDNN graph: planned for a device that is there, or for one that is
// only described (the planning test, tests/cuda). The only file with the cudnn-frontend headers is
// conv_graph.cpp.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda_contract.h"

struct cudnnContext;

namespace trireme::cu {

// What a graph is planned for.
struct ConvTarget {
  cudnnContext* handle = nullptr;  // a device that is there; else
  std::vector<uint8_t> device{};   // cuDNN's description of one (JSON),
  int capability = 0;              // with its compute capability, 10 major + minor
  bool reproducible = true;        // no engine whose sums may differ from run to run
  Precision precision = Precision::fp32;
  bool tune = false;  // cuDNN's candidates are timed, on a device that is there
};

// What the graph does in one go. What it leaves out is left to kernels of our own.
struct ConvFusion {
  bool bias = false;
  Activation activation = Activation::none;  // none, relu, leaky_relu, sigmoid or tanh
};

// Height and width of the result.
struct ConvOutput {
  int64_t n, h, w, c;
  int64_t rows() const { return n * h * w; }
  int64_t elements() const { return rows() * c; }
};
ConvOutput output_of(const Conv2dSpec&);

// Immutable after plan(). Elements of the target's precision in and out, bias and sums in fp32,
// N,H,W,C and O,H,W,I. No tensor cores in fp32. dw is of Elements as well: cuDNN 9.19 has no engine
// for a weight gradient in fp32 of 2-byte x and dy.
class ConvGraph {
 public:
  // Null when cuDNN has no engine; `why` then holds its answer. Compile time only: may take a
  // second.
  static std::unique_ptr<const ConvGraph> plan(const Conv2dSpec&, ConvPass, const ConvFusion&,
                                               const ConvTarget&, std::string& why);
  // What text() gave, of a graph of the same pass, fusion and kind of device: tenths of a
  // millisecond. Null, with cuDNN's answer, where it refuses it.
  static std::unique_ptr<const ConvGraph> restore(const std::string& text, ConvPass,
                                                  const ConvFusion&, const ConvTarget&,
                                                  std::string& why);
  ~ConvGraph();

  size_t workspace_bytes() const;  // 256-byte aligned when given to run()
  // cuDNN's name of engine and knobs; of a restored one, also of those knobs that were left open.
  const std::string& engine() const;
  const ConvFusion& fusion() const;  // what it takes along
  bool settled() const;              // false: engines were to be timed, and none could be
  std::string text() const;          // cuDNN's JSON of the plan, 2 to 80 KB; "": it gave none

  // On the handle's stream. arguments: as kernel_table.h lists them for the pass; pointers are
  // 16-byte aligned. Not both of two threads with one handle. What was captured of it must go
  // before this does.
  Status run(cudnnContext* handle, void* const* arguments, void* workspace) const noexcept;

 private:
  struct Impl;
  explicit ConvGraph(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

// The graph that takes most of the specification's bias and activation along: both, the bias alone,
// or neither: fusion() says which. Null, with `why`, when cuDNN can do none.
std::unique_ptr<const ConvGraph> plan_with_most_fusion(const Conv2dSpec&, ConvPass,
                                                       const ConvTarget&, std::string& why);

// Of the headers of cudnn-frontend: 10000 major + 100 minor + patch.
int frontend_version();

}  // namespace trireme::cu
