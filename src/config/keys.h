#pragma once
// Which keys exist, and what was probably meant by one that does not.

#include <span>
#include <string>
#include <vector>

#include "config/error_list.h"
#include "config/field.h"
#include "config/ini.h"

namespace trireme::config {

inline const std::vector<std::string> kSections = {"run",       "data",       "model",    "train",
                                                   "optimizer", "schedule",   "exchange", "tables",
                                                   "cuda",      "checkpoint", "export",   "debug"};

// Whether the token is NAME.key of [model], which changes one layer.
bool is_layer_key(const Token& token);

// The tokens of one source whose keys exist and that stand there for the first time; the others
// become errors: unknown section, unknown key, duplicate key.
std::vector<Token> known_tokens(const std::vector<Token>& tokens, std::span<const Field> fields,
                                ErrorList& errors);

}  // namespace trireme::config
