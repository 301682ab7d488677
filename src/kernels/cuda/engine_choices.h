#pragma once
// Which of cuDNN's engines was the fastest for which convolution: kept in a text file, one line
// each, so that a later start takes it without timing any. Lines of other devices and versions of
// cuDNN lie beside each other; a line that cannot be read is passed over.

#include <map>
#include <mutex>
#include <string>

namespace trireme::cu {

class EngineChoices {
 public:
  // file: "" keeps them in memory only; one that is not there yet is made with the first choice.
  // place: what choices depend on beside the convolution: device, version, precision.
  EngineChoices(std::string file, std::string place);
  // The engine's name; "" where none was chosen.
  std::string find(const std::string& problem) const;
  // Several processes may add to one file: the first line of a problem counts.
  void add(const std::string& problem, const std::string& engine);

 private:
  const std::string file_, place_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> engines_;  // by problem
};

}  // namespace trireme::cu
