#pragma once
// What there is of a table whose rows have a life, as servers are asked for it.

#include <cstdint>
#include <string>

namespace trireme::ps {

enum class Part : uint32_t { rows, candidates };

// Of a whole run, except the first three, which are as of now:
// admitted = rows + expired + evicted;
// sighted = sightings of candidates + admit_after * admitted + forgotten, where admit_after > 1.
struct LifeCounts {
  int64_t rows = 0, candidates = 0, bytes = 0;
  int64_t admitted = 0, expired = 0, evicted = 0;  // rows
  int64_t sighted = 0;                             // keys that had no row, once a step
  int64_t forgotten = 0;                           // sightings of candidates that went
  LifeCounts& operator+=(const LifeCounts& other);
  std::string in_words() const;
  friend bool operator==(const LifeCounts&, const LifeCounts&) = default;
};

}  // namespace trireme::ps
