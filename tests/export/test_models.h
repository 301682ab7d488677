#pragma once
// Small graphs with random weights, and folders that go away.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "export/export.h"
#include "export/goldens.h"
#include "model/build.h"

namespace trireme::testing_models {

// Adds layers one after another; each takes its predecessor unless told otherwise.
class GraphMaker {
 public:
  explicit GraphMaker(const Shape& input);
  // A layer named `name`; returns its node. `inputs` empty: the previous layer.
  NodeId layer(const std::string& name, const std::string& kind, const Attributes& attributes = {},
               std::vector<NodeId> inputs = {},
               const std::map<std::string, std::string>& shared = {});
  NodeId input() const { return 0; }
  std::unique_ptr<Graph> finish();

 private:
  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();
  NodeId last_ = 0;
};

std::unique_ptr<Graph> lenet_like();   // 1x12x12 -> 10, conv, pool, flatten, dense
std::unique_ptr<Graph> resnet_like();  // 3x8x8 -> 5, batch norm, residual adds, global average

// Deterministic values of about unit scale; running variances are positive.
std::map<std::string, HostTensor> random_weights(const Graph& graph, uint64_t seed = 1);

TrainedModel trained(const Graph& graph, std::map<std::string, HostTensor> weights);

// A fresh folder under the system's temporary one, removed at the end.
class TemporaryDir {
 public:
  TemporaryDir();
  ~TemporaryDir();
  Path operator/(const std::string& name) const { return path_ / name; }
  size_t entries() const;

 private:
  Path path_;
};

// What `action` throws, which must be of type E; empty and a test failure when nothing is thrown.
template <class E>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& e) {
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace trireme::testing_models
