#pragma once
// How rows of tables, on a worker, speak to the servers that hold them: beside blocks that live
// there too (ParameterExchange), or alone (RowServers).

#include <cstdint>
#include <functional>

#include "ps/client_core.h"

namespace trireme {

class Servers {
 public:
  virtual ~Servers() = default;
  virtual int count() const = 0;
  virtual int64_t clock() const = 0;  // steps done
  virtual bool in_step() const = 0;   // workers take each step together
  virtual bool first() const = 0;     // this is worker 0

  // Between steps and within Exchange::update(); lane 0's thread, or the step thread where no lane
  // runs. Calls `questions` once, on the thread that owns the client, and returns when all is
  // answered; of pulls, when some block has come from each server.
  virtual void ask(const std::function<void(ps::ClientCore&)>& questions) = 0;
  // Likewise, for what nobody answers, or not yet.
  virtual void tell(const std::function<void(ps::ClientCore&)>& words) = 0;

  // What servers do with checkpoints themselves, said by ServerCheckpoints; on worker 0. What they
  // write, this worker's part of a snapshot leaves out, and what they have read it does not send.
  bool write_themselves = false, read_themselves = false;

  // This worker is done with them, and how it ended. Once.
  virtual void leave(ExitCode code) {
    ask([](ps::ClientCore&) {});  // nothing is under way any more
    ask([code](ps::ClientCore& client) { client.bye(static_cast<int>(code)); });
  }
};

}  // namespace trireme
