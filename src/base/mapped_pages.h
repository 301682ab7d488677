#pragma once
// Pages of files that are mapped to be read.

#include <cstddef>
#include <span>

namespace trireme {

// Whole pages within these bytes of a MappedFile are not this process's memory any more; who looks
// at them again reads them again.
void forget_pages(std::span<const std::byte> bytes) noexcept;

}  // namespace trireme
