#pragma once
#include <string>

#include "config/experiment.h"

namespace trireme {

// How an error about a key begins once the file has been read: "file.ini:12: train.freeze",
// "command line: train.freeze"; "train.freeze" where it has its default.
std::string key_place(const Experiment& experiment, const std::string& section,
                      const std::string& key);

}  // namespace trireme
