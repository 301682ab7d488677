#pragma once
// Some ranks of a communicator, as a communicator of their own: the workers of a job that has
// servers.

#include <memory>
#include <vector>

#include "comm/communicator.h"

namespace trireme {

// `ranks` of `parent`, ascending, this one among them: they become 0, 1, ... Called by each of
// them; nothing is sent. The parent outlives the group, and may be used beside it by the same
// thread: the group's tags (below kMostSubgroupTag) are its own. One group a parent. Members keep
// their hosts, but each has a memory of its own: window() shares nothing. close() is the parent's
// business; abort() is handed to it.
std::unique_ptr<Communicator> make_subgroup(Communicator& parent, const std::vector<int>& ranks);

constexpr int kMostSubgroupTag = 4096;
// Tags of the parent from here to twice that are the group's.
constexpr int kFirstSubgroupTag = 16384;

}  // namespace trireme
