#include "checkpoint/strict_json.h"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "base/error.h"

namespace trireme {
namespace {

using nlohmann::json;
constexpr int kMaxDepth = 16;
const char* const kDamaged = "the file is damaged or was edited; use another checkpoint or copy";

// Rejects what the parser itself lets pass: duplicate keys and towers of brackets.
class Watch {
 public:
  explicit Watch(const Path& file) : file_(file) {}
  bool operator()(int depth, json::parse_event_t event, json& value) {
    if (depth > kMaxDepth) {
      throw FormatError(file_.string() + ": JSON nested deeper than " + std::to_string(kMaxDepth),
                        kDamaged);
    }
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end) keys_.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) {
        throw FormatError(file_.string() + ": JSON key '" + key + "' appears twice in one object",
                          kDamaged);
      }
    }
    return true;
  }

 private:
  const Path& file_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

json parse_strict(std::string_view text, const Path& file, uint64_t offset) {
  Watch watch(file);
  const auto callback = [&watch](int depth, json::parse_event_t event, json& value) {
    return watch(depth, event, value);
  };
  try {
    return json::parse(text.begin(), text.end(), callback);
  } catch (const json::parse_error& e) {
    throw FormatError(file.string() + ": not valid JSON at byte " +
                          std::to_string(offset + (e.byte > 0 ? e.byte - 1 : 0)),
                      kDamaged);
  } catch (const json::exception& e) {
    throw FormatError(
        file.string() + ": JSON from byte " + std::to_string(offset) + ": " + e.what(), kDamaged);
  }
}

JsonFields::JsonFields(const json& object, const Path& file, std::string where)
    : object_(object), file_(file), where_(std::move(where)) {
  if (!object_.is_object()) {
    throw FormatError(file_.string() + ": " + (where_.empty() ? "the root" : where_) + " is " +
                          object_.type_name() + ", not an object",
                      kDamaged);
  }
}

void JsonFields::fail(const char* key, const std::string& what) const {
  const std::string name = where_.empty() ? key : where_ + "." + key;
  throw FormatError(file_.string() + ": field '" + name + "' " + what, kDamaged);
}

const json& JsonFields::at(const char* key) const {
  const auto it = object_.find(key);
  if (it == object_.end()) fail(key, "is missing");
  return *it;
}

int64_t JsonFields::integer(const char* key, int64_t minimum) const {
  const json& v = at(key);
  const bool fits = v.is_number_unsigned()
                        ? v.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()}
                        : v.is_number_integer();
  if (!fits || v.get<int64_t>() < minimum) {
    fail(key, "is " + v.dump() + ", not an integer >= " + std::to_string(minimum));
  }
  return v.get<int64_t>();
}

uint64_t JsonFields::natural_or(const char* key, uint64_t missing) const {
  return object_.contains(key) ? natural(key) : missing;
}

uint64_t JsonFields::natural(const char* key) const {
  const json& v = at(key);
  if (!v.is_number_unsigned()) fail(key, "is " + v.dump() + ", not an integer >= 0");
  return v.get<uint64_t>();
}

double JsonFields::number(const char* key) const {
  const json& v = at(key);
  if (v.is_number()) return v.get<double>();
  if (v == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (v == "inf") return std::numeric_limits<double>::infinity();
  if (v == "-inf") return -std::numeric_limits<double>::infinity();
  fail(key, "is " + v.dump() + ", not a number");
}

bool JsonFields::boolean(const char* key) const {
  const json& v = at(key);
  if (!v.is_boolean()) fail(key, "is " + v.dump() + ", not true or false");
  return v.get<bool>();
}

const std::string& JsonFields::text(const char* key) const {
  const json& v = at(key);
  if (!v.is_string()) fail(key, "is " + std::string(v.type_name()) + ", not a string");
  return v.get_ref<const std::string&>();
}

const json& JsonFields::array(const char* key) const {
  const json& v = at(key);
  if (!v.is_array()) fail(key, "is " + std::string(v.type_name()) + ", not an array");
  return v;
}

JsonFields JsonFields::object(const char* key) const {
  return JsonFields(at(key), file_, where_.empty() ? key : where_ + "." + key);
}

json number_to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

}  // namespace trireme
