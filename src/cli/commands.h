#pragma once
// One function per subcommand; each returns the exit code and throws Error on failure. args: what
// follows the subcommand's name. `--help` and `-h` print a help that fits a screen.

#include <string>
#include <vector>

#include "base/error.h"

namespace trireme {

using Args = std::vector<std::string>;

// For std::bad_alloc and std::length_error: what was asked for is more than this machine has.
DeviceError out_of_memory();

int command_train(const Args& args);
int command_eval(const Args& args);
int command_predict(const Args& args);
int command_export(const Args& args);
int command_gradients(const Args& args);
int command_config(const Args& args);
int command_ckpt(const Args& args);
int command_verify(const Args& args);
int command_devices(const Args& args);

}  // namespace trireme
