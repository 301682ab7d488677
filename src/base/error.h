#pragma once
// Typed errors. Each carries what failed (what()), a hint that names what to change, and the exit
// code of the process (docs/architecture.md, "Exit codes").

#include <stdexcept>
#include <string>
#include <utility>

namespace trireme {

enum class ExitCode : int {
  done = 0,
  failure = 1,  // a check that the user asked for did not hold (verify, ckpt diff)
  config = 2,
  data = 3,
  device = 4,
  communication = 5,
  requeue = 75,  // saved, wants to be started again
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& what, std::string hint)
      : std::runtime_error(what), code_(code), hint_(std::move(hint)) {}
  ExitCode code() const noexcept { return code_; }
  const std::string& hint() const noexcept { return hint_; }  // empty: none

 private:
  ExitCode code_;
  std::string hint_;
};

// The experiment file, the command line, or a model that does not fit together.
struct ConfigError : Error {
  explicit ConfigError(const std::string& what, std::string hint = {})
      : Error(ExitCode::config, what, std::move(hint)) {}
};
// Shapes that do not fit at a layer; the message names the layer.
struct ShapeError : ConfigError {
  using ConfigError::ConfigError;
};
// A data set: missing, empty, corrupt, or a sample that breaks the schema.
struct DataError : Error {
  explicit DataError(const std::string& what, std::string hint = {})
      : Error(ExitCode::data, what, std::move(hint)) {}
};
// A file that is not what its format says: checkpoint, safetensors, ONNX. The message has the
// offset.
struct FormatError : Error {
  explicit FormatError(const std::string& what, std::string hint = {})
      : Error(ExitCode::data, what, std::move(hint)) {}
};
struct DeviceError : Error {
  explicit DeviceError(const std::string& what, std::string hint = {})
      : Error(ExitCode::device, what, std::move(hint)) {}
};
// A peer that is gone, late or of another opinion. The message names rank, host, step and what was
// awaited.
struct CommError : Error {
  explicit CommError(const std::string& what, std::string hint = {})
      : Error(ExitCode::communication, what, std::move(hint)) {}
};

}  // namespace trireme
