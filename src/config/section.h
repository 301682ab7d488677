#pragma once
// One section's declarations. Each call declares a key once: it records the field for the schema,
// checks every value given for it, and returns the value in force (or the default). Errors go to
// the list, and the default is returned, so that one pass finds them all.

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/error_list.h"
#include "config/experiment.h"
#include "config/field.h"
#include "config/values.h"

namespace trireme::config {

// What the sections read from and write to.
struct Reading {
  const Values& values;
  std::string file;         // as the user wrote it
  std::string file_folder;  // absolute; relative paths in the file start here
  ErrorList errors;
  std::vector<Field> fields;
  std::vector<ResolvedKey> resolved;
};

// Limits that do not limit.
inline constexpr Limits kAny{-std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::infinity()};

enum class PathBase { file, current_folder };

class Section {
 public:
  Section(std::string name, Reading& reading) : name_(std::move(name)), reading_(reading) {}

  // The keys declared from here on are used only when `selector`, declared before, is one of
  // `values`.
  void only_for(std::string selector, std::vector<std::string> values);
  void for_all() { used_by_.reset(); }

  int64_t integer(const std::string& key, int64_t fallback, Limits limits, const std::string& unit,
                  const std::string& help);
  double number(const std::string& key, const Default<double>& fallback, Limits limits,
                const std::string& unit, const std::string& help);
  bool boolean(const std::string& key, bool fallback, const std::string& help);
  std::string text(const std::string& key, const std::string& fallback, const std::string& help);
  std::string choice(const std::string& key, const std::string& fallback,
                     const std::vector<std::string>& choices, const std::string& help);
  // As choice, but without a default: not giving it is an error, and "" comes back.
  std::string required_choice(const std::string& key, const std::vector<std::string>& choices,
                              const std::string& help);
  // Absolute and lexically normal. Relative ones start at the file's folder, or at the current
  // folder when they came from the command line or `base` says so. "" stays "".
  std::string path(const std::string& key, const std::string& fallback, const std::string& help,
                   PathBase base = PathBase::file);
  std::vector<std::string> paths(const std::string& key, const std::string& help);
  // Lists: comma-separated, by default empty.
  std::vector<std::string> list(const std::string& key, const std::string& help);
  std::vector<std::string> choices(const std::string& key, const std::vector<std::string>& choices,
                                   const std::string& help);
  std::vector<double> numbers(const std::string& key, Limits limits, const std::string& unit,
                              const std::string& help);
  std::vector<int64_t> integers(const std::string& key, Limits limits, const std::string& unit,
                                const std::string& help);  // also as 3x32x32
  std::vector<SlotRuleConfig> slot_rules(const std::string& key, const std::string& help);
  // A repeatable line, as written; the section makes sense of it. Not recorded as resolved.
  std::vector<Token> lines(const std::string& key, const std::string& help);

  // The text given for NAME.key, which changes one layer; any number of them exists, so none is a
  // field.
  std::string layer_override(const std::string& key);

  // Whether a choice has a valid value; a required one that is missing has none.
  bool valid(const std::string& key) const { return selectors_.contains(key); }
  // Whether the key was given in the file or on the command line.
  bool given(const std::string& key) const;
  // Where `key` was given; the file as a whole when it was not.
  Place place(const std::string& key) const;
  // Adds "section.key: what" at the key's place.
  void fail(const std::string& key, const std::string& what);
  void fail(const Token& token, const std::string& what);
  // What to call the origin of keys that were not given, from here on.
  void set_default_origin(std::string origin) { default_origin_ = std::move(origin); }
  void add_resolved(const std::string& key, std::string value, std::string origin);

 private:
  template <class T>
  using Convert = std::function<std::optional<T>(const Token&)>;

  Field declare(const std::string& key, FieldType type, const std::string& help) const;
  bool active(const Field& field) const;
  void check_unused(const Field& field, const Token& token);
  // Records the field and its resolved value; `convert` reports what is wrong with a token itself.
  template <class T>
  T resolve(Field field, T fallback, const Convert<T>& convert,
            const std::function<std::string(const T&)>& format);
  template <class T>
  T resolve_number(Field field, T fallback);
  template <class T>
  std::vector<T> resolve_list(Field field, const Convert<T>& convert_element,
                              const std::function<std::string(const T&)>& format_element,
                              std::string_view separators);

  template <class T>
  std::optional<T> to_number(const Token& token, const Field& field);
  std::optional<bool> to_boolean(const Token& token);
  std::optional<std::string> to_text(const Token& token);
  std::optional<std::string> to_choice(const Token& token, const std::vector<std::string>& choices);
  std::optional<SlotRuleConfig> to_slot_rule(const Token& token);
  std::string absolute(const std::string& path, bool in_file, PathBase base) const;

  std::string name_;
  Reading& reading_;
  std::optional<UsedBy> used_by_;
  std::map<std::string, std::string> selectors_;  // valid values of choices
  std::string default_origin_ = "default";
};

}  // namespace trireme::config
