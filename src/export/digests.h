#pragma once
// SHA256SUMS: what the files of an export were when they had been checked, in the form that
// `sha256sum --check` reads.

#include "base/file.h"

namespace trireme {

// Lists every file of the folder, by name.
void write_digests(const Path& folder);

// Throws FormatError where the list beside `file` names it with another digest, or is damaged. A
// file without a list, or that the list does not name, is taken as it is.
void check_digest(const Path& file);

}  // namespace trireme
