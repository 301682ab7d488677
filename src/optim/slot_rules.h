#pragma once
// Patterns over parameter names: optimizer.lr_scale, optimizer.decay_scale, train.freeze.

#include <span>
#include <string>
#include <string_view>

namespace trireme {

// Every pattern must match at least one name (glob: * any run, ? one character). Throws ConfigError
// listing each pattern of `key` that matches nothing, with the nearest name as hint.
void check_patterns(std::span<const std::string> patterns, std::span<const std::string> names,
                    std::string_view key);

}  // namespace trireme
