#include "checkpoint/spare_hash.h"

#include "base/sha256.h"
#include "base/spare_time.h"

namespace trireme {

std::string hash_in_spare_time(const Path& path, const std::function<void()>& goes_on) {
  SpareTime spare((1 << 20) / kHashedBytesASecond);  // for_each_piece()'s
  Sha256 hash;
  for_each_piece(path, [&](std::span<const std::byte> piece) {
    spare.run([&] { hash.update(piece); });
    goes_on();
  });
  return hash.finish().hex();
}

}  // namespace trireme
