#pragma once
// Servers and workers in one thread under virtual time: real cores, made-up network. Messages take
// random times, so they overtake each other; some come twice. A seed gives one order of events,
// always the same.

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

#include "ps/client_core.h"
#include "ps/server_core.h"

namespace trireme::ps {

struct NetworkSpec {
  uint64_t seed = 1;
  double latency = 1, jitter = 0;  // of a message: latency + jitter * uniform(0, 1)
  double repeat = 0;               // probability that a message comes again, later
};

// What a worker does: called whenever all that it asked was answered, but for rows ahead of the
// clock (and first of all at time 0), it asks for more. The answer is how long it computes before
// it is called again at the earliest; below 0: it is done.
using WorkerScript = std::function<double(ClientCore&)>;

class Simulator {
 public:
  // Borrows the cores. script[w] drives clients[w].
  Simulator(const NetworkSpec& network, std::vector<ClientCore*> clients,
            std::vector<ServerCore*> servers, std::vector<WorkerScript> scripts);
  // To the end of all scripts and of all messages. Throws Error when nothing can happen any more
  // although a worker is not done (who waits for what).
  void run();
  double now() const { return now_; }
  int64_t messages() const { return messages_; }

 private:
  struct Event {
    double time;
    uint64_t order;  // among events of one time
    int worker;      // whose script may go on; -1: a message arrives
    std::shared_ptr<Message> message;
    bool operator>(const Event& o) const {
      return time != o.time ? time > o.time : order > o.order;
    }
  };
  struct Worker {
    ClientCore* client;
    WorkerScript script;
    double ready_at = 0;
    bool done = false, scheduled = true;
  };
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  void at(double time, int worker, std::shared_ptr<Message> message);
  void send(Message&& message);
  void collect();
  void deliver(const Message& message);
  void go_on(int worker);

  const NetworkSpec network_;
  std::mt19937_64 random_;
  std::vector<Worker> workers_;
  std::vector<ServerCore*> servers_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::shared_ptr<PayloadPool> pool_ = PayloadPool::make();
  double now_ = 0;
  uint64_t order_ = 0;
  int64_t messages_ = 0;
};

}  // namespace trireme::ps
