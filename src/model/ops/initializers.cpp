#include "model/ops/initializers.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

std::optional<Initializer> with_value(std::string_view name, double value) {
  if (name == "constant") return Initializer{Init::constant, value, 0};
  if (name == "normal") return Initializer{Init::normal, 0, value};
  if (name == "uniform") return Initializer{Init::uniform, -value, value};
  if (name == "truncated_normal") return Initializer{Init::truncated_normal, 0, value};
  return std::nullopt;
}

std::optional<Initializer> plain(std::string_view name) {
  if (name == "zeros") return Initializer{Init::zeros, 0, 0};
  if (name == "ones") return Initializer{Init::ones, 0, 0};
  if (name == "kaiming_uniform") return Initializer{Init::kaiming_uniform, 0, 0};
  if (name == "kaiming_normal") return Initializer{Init::kaiming_normal, 0, 0};
  if (name == "xavier_uniform") return Initializer{Init::xavier_uniform, 0, 0};
  if (name == "xavier_normal") return Initializer{Init::xavier_normal, 0, 0};
  return std::nullopt;
}

std::optional<Initializer> parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return plain(text);
  const auto value = parse_double(text.substr(colon + 1));
  return value ? with_value(text.substr(0, colon), *value) : std::nullopt;
}

void check(std::string_view kind, std::string_view key, const std::string& init) {
  if (init == "pytorch" || parse(init)) return;
  throw ConfigError(
      fmt::format("{}: {} is {}, which is no initializer", kind, key, init),
      "one of pytorch, zeros, ones, constant:V, normal:STD, uniform:A, kaiming_uniform, "
      "kaiming_normal, xavier_uniform, xavier_normal, truncated_normal:STD");
}

}  // namespace

WeightInit read_weight_init(AttributeReader& reader) {
  const bool keras = reader.choice("initializer", "pytorch", {"pytorch", "keras"}) == "keras";
  WeightInit init{reader.text("init", keras ? "xavier_uniform" : "pytorch"),
                  reader.text("bias_init", keras ? "zeros" : "pytorch")};
  check(reader.kind(), "init", init.weight);
  check(reader.kind(), "bias_init", init.bias);
  return init;
}

Initializer weight_initializer(const std::string& init) {
  return parse(init).value_or(Initializer{Init::kaiming_uniform, std::sqrt(5.0), 0});
}

Initializer bias_initializer(const std::string& init, int64_t fan_in) {
  const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
  return parse(init).value_or(Initializer{Init::uniform, -bound, bound});
}

}  // namespace trireme
