// operator new and delete of a program whose tests hand host memory to a device. The other forms
// (arrays, nothrow) call these.
#include <cstddef>
#include <cstdlib>
#include <new>

#include "kernels_device/arena.h"

namespace trireme::test {
namespace {

// Ready before any constructor runs, and never destroyed: memory is given back until the end.
constinit Arena arena;

void* take(size_t bytes, size_t alignment) {
  if (arena.is_open()) return arena.take(bytes, alignment);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* take_or_throw(size_t bytes, size_t alignment) {
  if (void* block = take(bytes > 0 ? bytes : 1, alignment)) return block;
  throw std::bad_alloc();
}

void give_back(void* block) {
  if (!arena.give_back(block)) std::free(block);
}

}  // namespace

Arena& device_visible_memory() { return arena; }

}  // namespace trireme::test

void* operator new(size_t bytes) {
  return trireme::test::take_or_throw(bytes, alignof(std::max_align_t));
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return trireme::test::take_or_throw(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* block) noexcept { trireme::test::give_back(block); }
void operator delete(void* block, std::align_val_t) noexcept { trireme::test::give_back(block); }
void operator delete(void* block, size_t) noexcept { trireme::test::give_back(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept {
  trireme::test::give_back(block);
}
