#pragma once
// A JSON object whose last member, "sha256", is the hash of every byte before that member's line: a
// change of any byte is seen without a second file.

#include <string>
#include <string_view>

#include "base/file.h"

namespace trireme {

// `object`: a JSON object as dump() prints it, ending in "\n}". Returns the sealed text.
std::string seal(std::string object);

// Throws FormatError unless `text` ends in a seal that fits it.
void check_seal(std::string_view text, const Path& file);

}  // namespace trireme
