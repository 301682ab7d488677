#pragma once
// An embedding table: rows of `dim` fp32 under int64 keys, made when a key is first trained on. Not
// a part of the flat index space: how many rows there are, only the data knows.

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/param_table.h"

namespace trireme {

struct TableSpec {
  std::string name;  // tensors are called table.NAME.keys, table.NAME.rows, ...
  int64_t dim = 1;
  // Of a new row: zeros, constant, uniform or normal; depends on (seed, name, key) alone.
  Initializer init;
  friend bool operator==(const TableSpec& a, const TableSpec& b) {
    return a.name == b.name && a.dim == b.dim && a.init.kind == b.init.kind &&
           a.init.a == b.init.a && a.init.b == b.init.b;
  }
};

}  // namespace trireme
