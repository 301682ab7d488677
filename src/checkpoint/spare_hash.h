#pragma once
// The hash of a file that others have written, or in no order.

#include <functional>
#include <string>

#include "base/file.h"

namespace trireme {

// What a thread of spare time (base/spare_time.h) has to hash, at least.
constexpr double kHashedBytesASecond = 50 << 20;

// SHA-256 of the whole file, in hex, in spare time. goes_on: called after each MiB. Throws
// DataError.
std::string hash_in_spare_time(
    const Path& path, const std::function<void()>& goes_on = [] {});

}  // namespace trireme
