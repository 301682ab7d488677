#pragma once
// Who trains and who holds the parameters: the last exchange.servers ranks are servers, all others
// workers. Without a parameter server all ranks are workers.

#include <string>
#include <vector>

#include "comm/communicator.h"
#include "config/experiment.h"
#include "ps/codec.h"
#include "ps/consistency.h"
#include "ps/link.h"

namespace trireme {

struct Roles {
  int workers = 1, servers = 0;
  int server = -1;  // which one this rank is; -1: a worker
  bool is_server() const { return server >= 0; }
  std::vector<int> worker_ranks() const;
  std::string in_words() const;  // "2 workers and 1 server (sync)"; for the log
  ps::Consistency consistency;
  int server_threads = 1;  // of this rank, if it is a server
};

// What [debug] wants of messages.
ps::Faults faults_of(const Experiment& experiment);

// What [exchange] wants of pushes.
ps::CodecSpec codec_of(const ExchangeConfig& config);

// Throws ConfigError when nobody is left to train.
Roles assign_roles(const Communicator& world, const ExchangeConfig& config);

}  // namespace trireme
