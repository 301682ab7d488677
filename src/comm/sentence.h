#pragma once
// The sentences of this folder's errors, so that all of them name ranks, hosts and waits alike.

#include <span>
#include <string>
#include <string_view>

#include "comm/communicator.h"

namespace trireme {

std::string name(const Member& m);           // "rank 2 (host b)"
std::string name_with_pid(const Member& m);  // "rank 2 (host b, pid 9)"

// "parameter hashes at step 17"; without a step: "parameter hashes".
std::string awaited(const Wait& wait);

// "rank 0 (host a) waited 300 s for parameter hashes at step 17". `seconds`: how long it really
// was.
std::string waited(const Member& me, const Wait& wait, double seconds);

// "no answer from rank 2 (host b, pid 9), rank 3 (host b, pid 10)"; names eight, counts the others.
std::string no_answer(std::span<const Member> missing);

// "rank 1 (host a) failed: why". A `why` that already begins with a rank is a first cause that
// travelled here from elsewhere: it stays as it is, so that all ranks report the same sentence.
std::string first_cause(const Member& m, std::string_view why);

// What to change when a deadline passed although nobody died.
std::string deadline_hint();

}  // namespace trireme
