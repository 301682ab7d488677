#include "ps/push_window.h"

namespace trireme::ps {

PushWindow::Admission PushWindow::admit(uint64_t sequence) {
  if (sequence <= high_water_) return Admission::repeated;
  if (sequence > high_water_ + kWindow) return Admission::beyond;
  if (early_[sequence % kWindow]) return Admission::repeated;
  early_[sequence % kWindow] = true;
  while (early_[(high_water_ + 1) % kWindow]) early_[++high_water_ % kWindow] = false;
  return Admission::fresh;
}

}  // namespace trireme::ps
