#pragma once
// Writes a preset as the lines a user could have written.

#include <string>
#include <string_view>
#include <vector>

#include "config/experiment.h"

namespace trireme {

class PresetLines {
 public:
  explicit PresetLines(std::string preset) : place_("preset " + std::move(preset)) {}

  // options: "key=value key=value", no spaces inside values. from empty: the previous layer.
  // Returns the name.
  const std::string& layer(std::string name, std::string op, std::string_view options = {},
                           std::vector<std::string> from = {});
  void input(std::string name, std::string shape, std::string_view options = {});
  void loss(std::string op, std::string_view options = {});
  void metric(std::string op, std::string_view options = {});
  const ModelConfig& lines() const { return lines_; }

 private:
  LayerLine line(std::string name, std::string op, std::string_view options) const;
  std::string place_;
  ModelConfig lines_{};
};

}  // namespace trireme
