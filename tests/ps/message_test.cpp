#include "ps/message.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace trireme::ps {
namespace {

Message sealed() {
  Message m;
  m.header.kind = static_cast<uint16_t>(Kind::push);
  m.header.worker = 3;
  m.header.clock = 17;
  seal(m);
  return m;
}

TEST(Message, ASealedHeaderIsSound) { EXPECT_NO_THROW(require_sound(sealed().header, "server 0")); }

TEST(Message, AnyFlippedBitIsFound) {
  for (size_t byte = 0; byte < sizeof(Header); ++byte)
    for (int bit = 0; bit < 8; ++bit) {
      Message m = sealed();
      reinterpret_cast<unsigned char*>(&m.header)[byte] ^= static_cast<unsigned char>(1 << bit);
      EXPECT_THROW(require_sound(m.header, "server 0"), FormatError) << byte << " " << bit;
    }
}

TEST(Message, UnknownKindsAreRefusedWithTheHeaderInWords) {
  Message m = sealed();
  m.header.kind = 99;
  seal(m);
  try {
    require_sound(m.header, "server 1 (rank 4)");
    FAIL();
  } catch (const FormatError& e) {
    EXPECT_NE(std::string(e.what()).find("server 1 (rank 4)"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("unknown (99) worker 3"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("clock 17"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace trireme::ps
