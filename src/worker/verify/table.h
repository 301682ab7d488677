#pragma once
// The table that verify prints, row by row as the trainings end.

#include <string>

namespace trireme {

struct VerifyRow {
  std::string name;   // at most kNameWidth characters
  std::string place;  // "3 x 1": ranks x lanes, "3 x 1 + 2": and servers; empty: none
  std::string steps;  // done; empty: none
  std::string hash;   // SHA-256 of the weights; its first 16 digits are shown
  double seconds = 0;
  std::string verdict;
};

std::string table_header();
std::string table_row(const VerifyRow& row);

}  // namespace trireme
