#include "ps/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace trireme::ps {

Simulator::Simulator(const NetworkSpec& network, std::vector<ClientCore*> clients,
                     std::vector<ServerCore*> servers, std::vector<WorkerScript> scripts)
    : network_(network), random_(network.seed), servers_(std::move(servers)) {
  for (size_t w = 0; w < clients.size(); ++w) {
    workers_.push_back({clients[w], std::move(scripts[w])});
    at(0, static_cast<int>(w), nullptr);
  }
}

void Simulator::at(double time, int worker, std::shared_ptr<Message> message) {
  events_.push({time, order_++, worker, std::move(message)});
}

// A message is copied, as a network would: what it borrowed may change before it arrives.
void Simulator::send(Message&& m) {
  ++messages_;
  const auto sent = std::make_shared<Message>();
  sent->from = m.from;
  sent->to = m.to;
  sent->header = m.header;
  if (!m.payload.empty()) {
    sent->owned = pool_->take(m.payload.size());
    std::memcpy(sent->owned->data(), m.payload.data(), m.payload.size());
    sent->payload = {sent->owned->data(), m.payload.size()};
  }
  const auto travels = [&] { return network_.latency + network_.jitter * uniform(); };
  at(now_ + travels(), -1, sent);
  if (network_.repeat > 0 && uniform() < network_.repeat)
    at(now_ + travels() + network_.jitter * uniform(), -1, sent);
}

void Simulator::collect() {
  Message m;
  for (Worker& w : workers_)
    while (w.client->poll(m)) send(std::move(m));
  for (ServerCore* s : servers_)
    while (s->poll(m)) send(std::move(m));
}

void Simulator::deliver(const Message& m) {
  Message copy;
  copy.from = m.from;
  copy.to = m.to;
  copy.header = m.header;
  copy.payload = m.payload;
  require_sound(copy.header, fmt::format("node {}", m.to));
  const auto to = static_cast<size_t>(m.to);
  if (to < workers_.size())
    workers_[to].client->on_message(std::move(copy));
  else
    servers_[to - workers_.size()]->on_message(std::move(copy), now_);
}

// Scripts go on when all but rows asked ahead was answered and the time of computing is over.
void Simulator::go_on(int worker) {
  Worker& w = workers_[static_cast<size_t>(worker)];
  w.scheduled = false;
  if (w.done || !w.client->up_to_date()) return;
  const double computes = w.script(*w.client);
  w.done = computes < 0;
  w.ready_at = now_ + std::max(0.0, computes);
}

void Simulator::run() {
  while (true) {
    collect();
    for (size_t i = 0; i < workers_.size(); ++i) {
      Worker& w = workers_[i];
      if (w.done || w.scheduled || !w.client->up_to_date()) continue;
      w.scheduled = true;
      at(std::max(now_, w.ready_at), static_cast<int>(i), nullptr);
    }
    if (events_.empty()) break;
    const Event next = events_.top();
    events_.pop();
    now_ = next.time;
    if (next.message)
      deliver(*next.message);
    else
      go_on(next.worker);
  }
  for (size_t i = 0; i < workers_.size(); ++i)
    if (!workers_[i].done)
      throw Error(ExitCode::failure,
                  fmt::format("simulation: worker {} waits for ever for {}", i,
                              workers_[i].client->awaited()),
                  "a script or a core is at fault: run the seed again under a debugger");
}

}  // namespace trireme::ps
