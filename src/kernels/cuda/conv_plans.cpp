#include "kernels/cuda/conv_plans.h"

#include "kernels/cuda/kept_plan.h"

namespace trireme::cu {

ConvPlans::ConvPlans(ConvTarget target, std::string place, PlanStore& store)
    : target_(std::move(target)), place_(std::move(place)), store_(store) {}

std::shared_ptr<const ConvGraph> ConvPlans::get(const Conv2dSpec& spec, ConvPass pass,
                                                std::string& why) {
  const std::string problem = problem_of(spec, pass), key = place_ + "; " + problem;
  const std::scoped_lock lock(mutex_);
  std::shared_ptr<const ConvGraph>& graph = made_[problem];
  if (!graph) graph = restore(key, pass);
  if (graph) return graph;
  graph = plan_with_most_fusion(spec, pass, target_, why);
  if (graph) keep(key, pass, *graph);
  return graph;
}

// It is restored once, at once: a later start shall find what it gets from this text. (Its engine's
// name has knobs in it that the name of what was planned has not.)
void ConvPlans::keep(const std::string& key, ConvPass pass, const ConvGraph& graph) {
  if (!graph.settled()) return store_.cannot_keep("no engine could be timed");
  const std::string text = graph.text();
  std::string why;
  const auto again = ConvGraph::restore(text, pass, graph.fusion(), target_, why);
  if (again && again->workspace_bytes() == graph.workspace_bytes())
    store_.keep(key, to_text({graph.fusion(), again->engine(), graph.workspace_bytes(), text}));
  else
    store_.cannot_keep(again ? "a plan has another workspace when it is restored" : why);
}

std::shared_ptr<const ConvGraph> ConvPlans::restore(const std::string& key, ConvPass pass) {
  const auto text = store_.find(key);
  if (!text) return nullptr;
  const auto kept = kept_plan(*text);
  std::string why = "cannot be read";
  std::shared_ptr<const ConvGraph> graph;
  if (kept) graph = ConvGraph::restore(kept->plan, pass, kept->fusion, target_, why);
  if (graph && graph->engine() == kept->engine && graph->workspace_bytes() == kept->workspace)
    return graph;
  if (graph) why = "is restored as another";
  store_.refuse(key, why);
  return nullptr;
}

}  // namespace trireme::cu
