#pragma once
// manifest.json: the text of a Manifest, sealed by its own SHA-256. Fields: docs/formats.md.

#include <string>

#include "checkpoint/checkpoint.h"

namespace trireme {

constexpr int kManifestVersion = 1, kVersionWithParts = 2;  // checkpoint/parts.h
constexpr const char* kManifestName = "manifest.json";

// Throws FormatError naming the field when a text is not UTF-8.
std::string manifest_text(const Manifest& manifest);

// Throws FormatError: seal broken, not JSON, another version, a field missing or out of range, a
// file name that is not plain, a tensor in no listed file, anything listed twice.
Manifest parse_manifest(const std::string& text, const Path& file);

// A name that stays inside its folder: no separator, no "..", not empty, not hidden, no control
// characters.
bool is_plain_name(const std::string& name);

}  // namespace trireme
