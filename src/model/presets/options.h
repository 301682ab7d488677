#pragma once
// The values of a preset's keys: what the experiment sets, else the catalog's default.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/experiment.h"
#include "config/preset_catalog.h"

namespace trireme {

class PresetOptions {
 public:
  // Throws ConfigError listing every unknown key and every value that is not of its key's type,
  // range or choices.
  PresetOptions(const Preset& preset, const ModelConfig& model);

  // Each key must be declared in the catalog with the type asked for.
  int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  bool boolean(std::string_view key) const;
  const std::string& text(std::string_view key) const;
  // A text key that holds comma-separated integers >= 1; throws ConfigError otherwise. Empty text:
  // none.
  std::vector<int64_t> widths(std::string_view key) const;

 private:
  std::string preset_;
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace trireme
