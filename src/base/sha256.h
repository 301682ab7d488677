#pragma once
// SHA-256 (FIPS 180-4) over OpenSSL.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace trireme {

struct Digest {
  std::array<uint8_t, 32> bytes{};
  std::string hex() const;
  friend bool operator==(const Digest&, const Digest&) = default;
};

// Feed bytes piece by piece, then ask once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  Digest finish();  // the object must not be used afterwards

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Digest sha256(std::span<const std::byte> bytes);
Digest sha256(std::string_view text);
Digest sha256_file(const std::string& path);  // streams; throws DataError

}  // namespace trireme
