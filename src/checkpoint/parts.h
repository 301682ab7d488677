#pragma once
// Tensors of tables that several servers wrote, each its own rows: NAME.part-00001-of-00002 and so
// on, each whole within one file. Format: docs/formats.md.

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace trireme {

struct PartName {
  std::string tensor;
  int part = 0, parts = 1;  // part counts from 0; the only one of a tensor that has its own name
};
std::string part_name(const std::string& tensor, int part, int parts);
PartName parse_part(const std::string& name);

// The tensors that the manifest's are, or are parts of: with the extents of all parts together.
// Throws FormatError naming `file` where a part is missing or does not go with the others.
std::vector<TensorMeta> whole_tensors(const Manifest& manifest, const Path& file);

}  // namespace trireme
