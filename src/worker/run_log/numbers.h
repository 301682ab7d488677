#pragma once
// Numbers as people read them.

#include <cstdint>
#include <string>

namespace trireme {

std::string with_commas(int64_t value);      // 12,345
std::string short_duration(double seconds);  // 0:12, 3:07, 1:02:03; "-" when not finite
std::string long_duration(double seconds);   // 0.8 s, 42 s, 3 min 7 s, 1 h 2 min
// Accuracies and the like (0..1) as percent with two places, everything else with four digits.
std::string metric_text(const std::string& name, double value);
bool is_fraction_metric(const std::string& name);

}  // namespace trireme
