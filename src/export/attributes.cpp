#include "export/attributes.h"

#include <fmt/format.h>

#include "base/error.h"

namespace trireme {
namespace {

const Attribute& find(std::string_view kind, const Attributes& attributes, std::string_view key) {
  for (const auto& [name, value] : attributes)
    if (name == key) return value;
  throw FormatError(fmt::format("export: a layer of kind {} has no attribute {}", kind, key),
                    "the exporter does not know this version of the layer");
}

template <class T>
const T& get(std::string_view kind, const Attributes& attributes, std::string_view key,
             std::string_view type) {
  const T* value = std::get_if<T>(&find(kind, attributes, key));
  if (!value)
    throw FormatError(
        fmt::format("export: attribute {} of a layer of kind {} is not {}", key, kind, type),
        "the exporter does not know this version of the layer");
  return *value;
}

}  // namespace

int64_t integer_attribute(std::string_view kind, const Attributes& attributes,
                          std::string_view key) {
  return get<int64_t>(kind, attributes, key, "an integer");
}

double number_attribute(std::string_view kind, const Attributes& attributes, std::string_view key) {
  return get<double>(kind, attributes, key, "a number");
}

std::string text_attribute(std::string_view kind, const Attributes& attributes,
                           std::string_view key) {
  return get<std::string>(kind, attributes, key, "text");
}

std::array<int64_t, 2> pair_attribute(std::string_view kind, const Attributes& attributes,
                                      std::string_view key) {
  const auto& list = get<std::vector<int64_t>>(kind, attributes, key, "a list of integers");
  if (list.size() != 2)
    throw FormatError(fmt::format("export: attribute {} of a layer of kind {} has {} values, not 2",
                                  key, kind, list.size()));
  return {list[0], list[1]};
}

nlohmann::ordered_json attributes_to_json(const Attributes& attributes) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [key, value] : attributes)
    std::visit([&](const auto& v) { json[key] = v; }, value);
  return json;
}

}  // namespace trireme
