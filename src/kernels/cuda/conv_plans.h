#pragma once
// The convolutions' plans of an opened device: made once for equal convolutions, or restored from
// what an earlier start kept.

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "kernels/cuda/conv_graph.h"
#include "kernels/cuda/plan_store.h"

namespace trireme::cu {

class ConvPlans {
 public:
  // place: what plans depend on beside the convolution, as one line: device, versions, precision
  // and whatever else `target` says. The store must outlive this.
  ConvPlans(ConvTarget target, std::string place, PlanStore& store);

  // Null when cuDNN has no engine; `why` then holds its answer. Compile time only: one that was
  // neither made nor kept before takes hundredths of a second, with target.tune a second.
  std::shared_ptr<const ConvGraph> get(const Conv2dSpec&, ConvPass, std::string& why);

 private:
  void keep(const std::string& key, ConvPass, const ConvGraph&);
  std::shared_ptr<const ConvGraph> restore(const std::string& key, ConvPass);

  const ConvTarget target_;
  const std::string place_;
  PlanStore& store_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const ConvGraph>> made_;  // by problem_of()
};

}  // namespace trireme::cu
