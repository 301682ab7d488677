#pragma once
// What workers and servers say to each other: a header of fixed size, and floats or doubles behind
// it (keys and rows of an embedding table, too), or in memory that both can read. One build speaks
// to itself, on machines of one byte order: headers travel as they lie in memory.
//
// A worker asks, a server answers; every question has a number that counts from 1 for each worker
// and server. docs/parameter_server.md has the conversation of a step.

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "comm/communicator.h"
#include "kernels/kernel_table.h"
#include "ps/payload.h"

namespace trireme::ps {

enum class Kind : uint16_t {
  push = 1,  // a gradient of one block: of a piece of the tree (sync), or of all this worker did
  pushed,    // taken
  partials,  // to worker 0 (sync): sums of squares of the reduced blocks, by chunk
  commit,    // from worker 0 (sync): the verdict of a clock
  pull,      // the weights of all blocks of this server, once they are new enough
  pulled,    // those of one block
  load,      // one buffer of one block, from a checkpoint or the initial values
  loaded,
  fetch,  // one buffer of one block, for a checkpoint or an evaluation
  fetched,
  pull_rows,  // rows of one table, for sorted keys of this server
  pulled_rows,
  push_rows,  // one worker's gradient of one table's rows on this server, also when there is none
  pushed_rows,
  load_rows,  // complete rows, for a checkpoint: as TableStore::load has them
  loaded_rows,
  fetch_rows,  // rows [need, need + samples) of the server's, or counts
  fetched_rows,
  save,  // from worker 0: what the server alone holds is to be written to a place, as it is now
  saving,
  restore,  // from worker 0: all that the server holds is to be read from a place
  restoring,
  fetch_progress,  // how far one of these is
  progress,
  bye,  // nothing more will be asked; `flags` is the worker's exit code
};
constexpr uint16_t kFirstKind = 1, kLastKind = 25;

// Buffers of a block, as load and fetch name them: the weights, then the optimizer's moments.
constexpr uint32_t kWeights = 0, kFirstMoment = 1, kAverage = 100;
// And of no block: the sum of what workers told with their pulls (PushReport).
constexpr uint32_t kReports = 200;

// What of a table load_rows and fetch_rows bring, in `buffer`: Part, or its LifeCounts.
constexpr uint32_t kCounts = 2;

// Flags of commit and pulled.
constexpr uint32_t kApplied = 1, kFinite = 2;
// Flag of push: the payload is as ps/codec.h has it.
constexpr uint32_t kCoded = 1;
// Flag of pull: send the weights although the last clock changed none.
constexpr uint32_t kWhole = 1;
// Flags of pull_rows: keys without a row get one; the clock before is not over, so that the answer
// comes in two parts (ahead_bytes()), of which piece_index is the number.
constexpr uint32_t kTrains = 1, kAhead = 2;

// Flag of save and restore: only says whether the server sees the place.
constexpr uint32_t kLookOnly = 1;

// What fetch_progress asks of, in `buffer`.
constexpr uint32_t kSaving = 0, kRestoring = 1;

// How far a server is with writing or reading: what `progress` brings.
struct FileProgress {
  int64_t progress = 0;           // grows while it goes on
  int64_t done = 0;               // 1: all is on disk, or read
  uint64_t bytes = 0;             // of the server's file of rows
  std::array<char, 64> sha256{};  // in hexadecimal
};

struct Header {
  uint32_t magic = 0;
  uint16_t format = 0, kind = 0;
  int32_t worker = -1, server = -1;
  uint32_t generation = 0;  // of the run: messages of an earlier one are not taken
  int32_t block = -1;
  uint64_t clock = 0;     // the step that a push or commit belongs to; pull: that will begin
  uint64_t sequence = 0;  // of the question
  int32_t piece_level = 0, piece_index = 0;
  uint32_t buffer = 0, flags = 0;
  int64_t samples = 0;         // sync push: of the whole batch, which decides what leaves there are
  int64_t need = 0;            // pull: see ServerCore; push at once: the first clock it speaks for
  int64_t version = 0;         // updates of the block; push: what its gradient was computed with;
                               // fetched_rows: rows there are to fetch; 1 of counts; saving,
                               // restoring: 1 where the server sees the place, else 0
  int64_t slowest = 0;         // pulled: clocks that all workers have completed
  int64_t meet_at = -1;        // pulled: the clock before which all workers meet; -1: none
  uint32_t requests = 0;       // pull: asked for; pulled: what the meeting is for
  int32_t table = -1;          // of rows
  double grad_norm = 0;        // commit, pulled
  OptimizerScalars scalars{};  // commit, pulled; push where it is applied at once
  uint64_t payload_bytes = 0;
  uint64_t reference = 0;  // 1 + where the payload lies in the sender's region; 0: it is sent
  uint64_t check = 0;      // of all bytes before
};

// From one node to another: workers are 0 .. W-1, servers W .. W+S-1.
struct Message {
  int from = -1, to = -1;
  Header header;
  Bytes payload;       // stays until the driver has sent it
  Payload owned;       // the payload's memory, where the message has it
  bool lasts = false;  // received: the payload stays until the sender hears of the clock's end
  Kind kind() const { return static_cast<Kind>(header.kind); }
};

// Fills in magic, format, size and check. The last thing done to a message before it leaves.
void seal(Message& message);
// Throws FormatError, with the header in words, for what no build of this program sends.
void require_sound(const Header& header, std::string_view receiver);
std::string in_words(const Header& header);
std::string_view name_of(Kind kind);

template <class T>
std::span<const T> values_of(const Message& m) {
  return {reinterpret_cast<const T*>(m.payload.data()), m.payload.size() / sizeof(T)};
}

}  // namespace trireme::ps
