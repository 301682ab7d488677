#pragma once
// JSON from files that nobody vouches for: no duplicate keys, bounded depth, and an error that
// names file, offset and field.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/file.h"

namespace trireme {

// One JSON value and nothing after it but white space. `offset`: where `text` starts in the file.
// Throws FormatError: not JSON, not UTF-8, a key twice in one object, deeper than 16.
nlohmann::json parse_strict(std::string_view text, const Path& file, uint64_t offset);

// Typed access to the fields of one object. Every getter throws FormatError naming file and field
// when the field is missing, of another type or out of range. Borrows the object.
class JsonFields {
 public:
  // `where`: the object's place in the file ("state", "files[2]"); "" for the root.
  JsonFields(const nlohmann::json& object, const Path& file, std::string where);
  int64_t integer(const char* key, int64_t minimum) const;
  uint64_t natural(const char* key) const;
  uint64_t natural_or(const char* key, uint64_t missing) const;  // what older files lack
  double number(const char* key) const;  // "nan", "inf", "-inf" too, which JSON numbers cannot say
  bool boolean(const char* key) const;
  const std::string& text(const char* key) const;
  const nlohmann::json& array(const char* key) const;
  JsonFields object(const char* key) const;
  [[noreturn]] void fail(const char* key, const std::string& what) const;

 private:
  const nlohmann::json& at(const char* key) const;
  const nlohmann::json& object_;
  const Path& file_;
  std::string where_;
};

// The inverse of JsonFields::number.
nlohmann::json number_to_json(double value);

}  // namespace trireme
