#pragma once
// Threads of a block as fibers of one operating-system thread (Boost.Context), with the annotations
// that the address sanitizer needs to follow a change of stacks.

#include <cstddef>
#include <vector>

namespace trireme::cuda_shim {

class Fibers {
 public:
  using Body = void (*)(void* argument, int fiber);
  explicit Fibers(int most);
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // Readies fiber i to run body(argument, i); what it did before is forgotten, not unwound.
  void start(int i, Body body, void* argument);
  // Runs fiber i until it suspends or ends.
  void resume(int i);
  // From inside fiber i: back to whoever resumed it.
  void suspend(int i);

 private:
  struct Fiber {
    void* context = nullptr;     // where it goes on
    void* fake_stack = nullptr;  // the sanitizer's
    Body body = nullptr;
    void* argument = nullptr;
    Fibers* owner = nullptr;
  };
  struct Entry;
  void leave(int i, bool for_good);
  std::byte* stack(int i) const;

  std::vector<Fiber> fibers_;
  std::byte* stacks_ = nullptr;
  void* caller_ = nullptr;  // context of resume()
  const void* caller_stack_ = nullptr;
  size_t caller_stack_size_ = 0;
};

}  // namespace trireme::cuda_shim
