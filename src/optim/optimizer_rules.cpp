#include "optim/optimizer_rules.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace trireme {
namespace {

static_assert(kRuleBlock == kSlotAlign, "a block of the rules belongs to one slot");

// The place of `rule` among `rules`, where it is put if it is new.
uint8_t place_of(const SlotRule& rule, std::vector<SlotRule>& rules) {
  const auto at = std::find_if(rules.begin(), rules.end(), [&](const SlotRule& r) {
    return r.lr_scale == rule.lr_scale && r.decay_scale == rule.decay_scale;
  });
  const auto place = at - rules.begin();
  if (place == kMostRules)
    throw ConfigError("more than " + std::to_string(kMostRules) +
                          " different pairs of learning rate and decay factors",
                      "give more parameters the same optimizer.lr_scale and optimizer.decay_scale");
  if (at == rules.end()) rules.push_back(rule);
  return static_cast<uint8_t>(place);
}

}  // namespace

OptimizerRules::OptimizerRules(const ParamTable& table, bool decay_all)
    : blocks_(static_cast<size_t>(table.size() / kRuleBlock)) {
  for (const Slot& s : table.slots()) {
    if (!s.trainable) continue;
    const float decay = s.decays || decay_all ? s.decay_scale : 0.0f;
    const uint8_t rule = place_of({s.lr_scale, decay}, rules_);
    for (int64_t done = 0; done < s.count; done += kRuleBlock) {
      blocks_[static_cast<size_t>((s.offset + done) / kRuleBlock)] = {
          rule, static_cast<uint8_t>(std::min(kRuleBlock, s.count - done))};
    }
  }
  if (rules_.empty()) rules_.push_back({1, 1});
}

}  // namespace trireme
