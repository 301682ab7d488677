#pragma once
// exchange.hash_every: silent corruption shows as weights that differ between hosts.

#include <cstdint>

namespace trireme {

class Session;

// The first rank of each host hashes its copy, tables included. Every rank must call, between
// steps. Throws AgreedError naming the host whose weights differ from those of rank 0.
void compare_weights(const Session& session, int64_t step);

}  // namespace trireme
