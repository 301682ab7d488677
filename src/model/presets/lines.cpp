#include "model/presets/lines.h"

#include "base/text.h"

namespace trireme {

LayerLine PresetLines::line(std::string name, std::string op, std::string_view options) const {
  LayerLine line;
  line.name = std::move(name);
  line.op = std::move(op);
  line.file = place_;
  for (const auto& option : split(options, ' ')) {
    const size_t equals = option.find('=');
    if (equals != std::string::npos)
      line.options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
  }
  return line;
}

const std::string& PresetLines::layer(std::string name, std::string op, std::string_view options,
                                      std::vector<std::string> from) {
  lines_.layers.push_back(line(std::move(name), std::move(op), options));
  lines_.layers.back().from = std::move(from);
  return lines_.layers.back().name;
}

void PresetLines::input(std::string name, std::string shape, std::string_view options) {
  lines_.inputs.push_back(line(std::move(name), std::move(shape), options));
}

void PresetLines::loss(std::string op, std::string_view options) {
  lines_.losses.push_back(line("", std::move(op), options));
}

void PresetLines::metric(std::string op, std::string_view options) {
  lines_.metrics.push_back(line("", std::move(op), options));
}

}  // namespace trireme
