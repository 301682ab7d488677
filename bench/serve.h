#pragma once
// What every measured program answers on its standard input, one line each, so that bench/run.py
// can take turns between programs that are already warm:
//   ready JSON                 once, at the start: what there is to know before measuring
//   run N WORD...  -> SECONDS  N repetitions of what the words name
//   quit

#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace trireme::bench {

using Words = std::vector<std::string>;
struct Request {
  int64_t repetitions = 0;  // 0: quit
  Words words;
};

// Throws std::runtime_error for a line that is not of the protocol.
inline Request parse_request(const std::string& line) {
  std::istringstream in(line);
  std::string verb, word;
  Request request;
  in >> verb;
  if (verb == "quit") return request;
  if (verb != "run" || !(in >> request.repetitions) || request.repetitions < 1)
    throw std::runtime_error("expected 'run N WORD...' or 'quit', got '" + line + "'");
  while (in >> word) request.words.push_back(word);
  return request;
}

inline void announce(const std::string& facts) {
  std::printf("ready %s\n", facts.c_str());
  std::fflush(stdout);
}

// Answers requests until "quit" or the end of the input. `run` gives seconds.
inline void serve(const std::string& facts, const std::function<double(const Request&)>& run) {
  announce(facts);
  std::string line;
  while (std::getline(std::cin, line)) {
    const Request request = parse_request(line);
    if (request.repetitions == 0) return;
    std::printf("%.9f\n", run(request));
    std::fflush(stdout);
  }
}

}  // namespace trireme::bench
