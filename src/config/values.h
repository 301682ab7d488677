#pragma once
// The values that were given, whichever source they came from. Boost.Program_options keeps them: of
// two sources the one stored first wins, so the command line is stored before the file.

#include <boost/program_options.hpp>
#include <span>
#include <string>
#include <vector>

#include "config/field.h"
#include "config/ini.h"

namespace trireme::config {

class Values {
 public:
  Values() = default;  // nothing given
  explicit Values(std::span<const Field> fields);

  // Every token's key must be a declared field; a key that does not repeat stands at most once in
  // tokens.
  void store(const std::vector<Token>& tokens);

  // The tokens of the winning source, empty when the key was not given.
  std::vector<Token> winners(const std::string& name) const;
  // The tokens of the sources that lost; they are checked, but not used.
  std::vector<Token> losers(const std::string& name) const;

 private:
  std::vector<Token> tokens(const std::string& name) const;
  size_t winner_count(const std::string& name) const;

  boost::program_options::options_description description_;
  boost::program_options::variables_map map_;
  std::vector<Token> tokens_;  // in the order they were stored
};

}  // namespace trireme::config
