#include "kernels_device/arena.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>

namespace trireme::test {
namespace {

constexpr size_t kLine = 64;  // alignment of blocks, room of a header, width of a fence
constexpr unsigned char kFence = 0xA5;

}  // namespace

// Lies in the line before what take() returns.
struct Arena::Header {
  void* start;
  size_t size_class, bytes;
};

bool Arena::contains(const void* p) const {
  const auto* byte = static_cast<const std::byte*>(p);
  return std::greater_equal<>()(byte, memory_.data()) &&
         std::less<>()(byte, memory_.data() + memory_.size());
}

void* Arena::start_of_class(size_t index) {
  if (void* block = free_[index]) {
    std::memcpy(&free_[index], block, sizeof(void*));
    return block;
  }
  const size_t size = size_t{1} << index;
  if (size > memory_.size() - used_) return nullptr;
  void* block = memory_.data() + used_;
  used_ += size;
  return block;
}

void* Arena::take(size_t bytes, size_t alignment) {
  const size_t aligned = std::max(alignment, kLine);
  const size_t surroundings = kLine + (aligned - kLine) + kLine;  // header, room to align, fence
  if (bytes > (size_t{1} << (kClasses - 1)) - surroundings) return nullptr;
  const auto size_class = static_cast<size_t>(std::bit_width(bytes + surroundings - 1));
  const std::lock_guard lock(mutex_);
  void* start = start_of_class(size_class);
  if (!start) return nullptr;
  const auto first = reinterpret_cast<uintptr_t>(start) + kLine;
  auto* block = reinterpret_cast<std::byte*>((first + aligned - 1) / aligned * aligned);
  *reinterpret_cast<Header*>(block - kLine) = {start, size_class, bytes};
  std::memset(block + bytes, kFence, kLine);
  return block;
}

bool Arena::give_back(void* block) {
  if (!contains(block)) return false;
  auto* bytes = static_cast<std::byte*>(block);
  const std::lock_guard lock(mutex_);
  const Header header = *reinterpret_cast<const Header*>(bytes - kLine);
  const std::span fence(bytes + header.bytes, kLine);
  if (!std::all_of(fence.begin(), fence.end(), [](std::byte b) { return b == std::byte{kFence}; }))
    ++overruns_;
  std::memcpy(header.start, &free_[header.size_class], sizeof(void*));
  free_[header.size_class] = header.start;
  return true;
}

}  // namespace trireme::test
