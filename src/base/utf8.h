#pragma once
// Whether text is UTF-8, which JSON and other readers of our files expect.

#include <string_view>

namespace trireme {

// The offset of the first byte that is no part of well-formed UTF-8 (Unicode 15, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF); npos when there is none.
size_t not_utf8(std::string_view text);

}  // namespace trireme
