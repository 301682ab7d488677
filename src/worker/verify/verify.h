#pragma once
// `trireme verify`: the experiment trained several ways, with real ranks, must end in the same
// place.

#include <atomic>
#include <functional>
#include <string_view>

#include "worker/verify/cases.h"

namespace trireme {

// Trains every case of verify_cases, compares each with the reference, replays the reference's
// export, and hands the table, line by line, and its conclusion to `print`. Returns whether
// everything held. Runs and logs are in a temporary folder, which is removed unless something
// differs or options.keep. Throws Error when there is no reference to compare with; Interrupted
// when `interrupt` became non-zero (no process is left behind).
bool verify(const VerifyOptions& options, const std::atomic<int>& interrupt,
            const std::function<void(std::string_view)>& print);

}  // namespace trireme
