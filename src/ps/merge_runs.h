#pragma once
// Ascending runs, one behind the other, merged to one.

#include <cstddef>
#include <utility>
#include <vector>

namespace trireme::ps {

// entries: runs, each ascending by key_of(entry), run i ends before entries[ends[i]]. Equal keys
// keep their order. Afterwards one run; `spare` is memory to be used again.
template <class Entry, class KeyOf>
void merge_runs(std::vector<Entry>& entries, std::vector<size_t>& ends, std::vector<Entry>& spare,
                KeyOf key_of) {
  spare.resize(entries.size());
  while (ends.size() > 1) {
    size_t begin = 0, merged = 0;
    for (size_t run = 0; run < ends.size(); run += 2) {
      const size_t middle = ends[run], end = run + 1 < ends.size() ? ends[run + 1] : middle;
      const Entry *a = entries.data() + begin, *b = entries.data() + middle;
      const Entry *const a_end = b, *const b_end = entries.data() + end;
      Entry* out = spare.data() + begin;
      while (a != a_end && b != b_end) {  // without a branch: which comes first is a toss
        const bool right = key_of(*b) < key_of(*a);
        *out++ = *(right ? b : a);
        a += !right;
        b += right;
      }
      while (a != a_end) *out++ = *a++;
      while (b != b_end) *out++ = *b++;
      begin = ends[merged++] = end;
    }
    ends.resize(merged);
    std::swap(entries, spare);
  }
}

}  // namespace trireme::ps
