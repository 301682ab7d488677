#pragma once
#include <map>
#include <string>

namespace trireme {

std::string version();   // "0.1.0"
std::string build_id();  // version, compiler and build type: ranks of a job must agree
// Library versions, compiler, build type, instruction levels: for --version and the environment
// record.
std::map<std::string, std::string> build_facts();

}  // namespace trireme
