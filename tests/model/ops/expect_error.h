#pragma once
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace trireme::test {

// `body` must throw an E with exactly this message and hint.
template <class E, class Body>
void expect_error(Body&& body, const std::string& message, const std::string& hint = {}) {
  try {
    body();
    ADD_FAILURE() << "nothing was thrown, expected: " << message;
  } catch (const E& e) {
    EXPECT_EQ(e.what(), message);
    EXPECT_EQ(e.hint(), hint);
  }
}

}  // namespace trireme::test
