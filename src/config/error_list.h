#pragma once
// Everything that is wrong with an experiment, collected and thrown at once.

#include <string>
#include <vector>

namespace trireme::config {

// Where something was written. line 0: the file as a whole. The command line comes after every
// line.
struct Place {
  std::string file;
  int line = 0;
  bool command_line = false;
  std::string str() const;  // "exp.ini:12", "exp.ini", "command line"
};

class ErrorList {
 public:
  void add(const Place& place, std::string what);
  bool empty() const { return errors_.empty(); }
  // One ConfigError, one line per error ("PLACE: WHAT"), sorted by line. Nothing when the list is
  // empty.
  void throw_if_any() const;

 private:
  struct Entry {
    Place place;
    std::string what;
  };
  std::vector<Entry> errors_;
};

}  // namespace trireme::config
