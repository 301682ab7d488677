#pragma once
// The protocol of serve.h for programs of several ranks: rank 0 talks, the others follow.

#include <algorithm>
#include <cstring>
#include <string>

#include "comm/communicator.h"
#include "serve.h"

namespace trireme::bench {

constexpr double kPatience = 3600;  // seconds between two requests; a peer may be measured meanwhile

// The request of rank 0, on every rank. A line is at most 255 characters.
inline Request share_request(Communicator& comm, const Request& mine) {
  std::string line = mine.repetitions == 0 ? "quit" : "run " + std::to_string(mine.repetitions);
  for (const std::string& word : mine.words) line += " " + word;
  char text[256] = {};
  if (comm.rank() == 0) std::memcpy(text, line.data(), std::min(line.size(), sizeof text - 1));
  comm.broadcast(std::as_writable_bytes(std::span(text)), 0, {kPatience, "the next request", -1});
  return parse_request(text);
}

// Every rank must call. `run` is called on every rank; rank 0's seconds are the answer.
inline void serve_ranks(Communicator& comm, const std::string& facts,
                        const std::function<double(const Request&)>& run) {
  if (comm.rank() == 0) {
    serve(facts, [&](const Request& request) { return run(share_request(comm, request)); });
    share_request(comm, {});
    return;
  }
  for (Request r = share_request(comm, {}); r.repetitions > 0; r = share_request(comm, {})) run(r);
}

}  // namespace trireme::bench
