#include "comm/ballot.h"

#include <algorithm>

namespace trireme {
namespace {

constexpr int kTagSlip = 400, kTagResult = 401;

}  // namespace

Ballot::Ballot(Communicator& comm)
    : comm_(comm), slips_(comm.rank() == 0 ? static_cast<size_t>(comm.size()) : 1) {
  const auto expect = [&](int from, int tag, size_t slip) {
    open_.push_back(comm_.receive(from, tag, std::as_writable_bytes(std::span(slips_[slip]))));
    into_.push_back(slip);
  };
  if (comm_.rank() != 0) expect(0, kTagResult, 0);
  for (int from = 1; comm_.rank() == 0 && from < comm_.size(); ++from)
    expect(from, kTagSlip, static_cast<size_t>(from));
}

Ballot::~Ballot() {
  for (Ticket t : open_) comm_.cancel(t);
  for (Ticket t : sends_) comm_.cancel(t);
}

void Ballot::cast(std::string_view failure) {
  cast_ = true;
  failure = failure.substr(0, mine_.size() - 1);  // on every rank alike
  if (comm_.rank() == 0) {
    if (failure_.empty()) failure_ = failure;
    return;
  }
  std::copy(failure.begin(), failure.end(), mine_.begin());
  sends_.push_back(comm_.send(0, kTagSlip, std::as_bytes(std::span(mine_))));
}

bool Ballot::decided() {
  std::erase_if(sends_, [&](Ticket t) { return comm_.test(t); });
  if (!decided_) collect();
  return decided_ && sends_.empty();
}

void Ballot::collect() {
  for (size_t i = open_.size(); i-- > 0;) {
    if (!comm_.test(open_[i])) continue;
    if (failure_.empty()) failure_ = slips_[into_[i]].data();
    open_.erase(open_.begin() + static_cast<ptrdiff_t>(i));
    into_.erase(into_.begin() + static_cast<ptrdiff_t>(i));
  }
  if (comm_.rank() != 0)
    decided_ = open_.empty();
  else if (!failure_.empty() || (cast_ && open_.empty()))
    announce();
}

void Ballot::announce() {
  decided_ = true;
  std::copy(failure_.begin(), failure_.end(), mine_.begin());
  for (int to = 1; to < comm_.size(); ++to)
    sends_.push_back(comm_.send(to, kTagResult, std::as_bytes(std::span(mine_))));
}

}  // namespace trireme
