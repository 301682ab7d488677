#pragma once
// The sentences that cross the plugin's C boundary lie in fixed arrays.

#include <cstdarg>
#include <cstddef>
#include <cstdio>

namespace trireme::cu {

// printf into `reason`, cut at its end.
template <size_t kBytes>
__attribute__((format(printf, 2, 3))) void say(char (&reason)[kBytes], const char* format,
                                               ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  (void)std::vsnprintf(reason, kBytes, format, arguments);
  va_end(arguments);
}

}  // namespace trireme::cu
