#include "cuda_shim/fibers.h"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <new>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace trireme::cuda_shim {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr size_t kStack = size_t{128} << 10;  // pages are only taken when touched

#ifdef __SANITIZE_ADDRESS__
void before_switch(void** fake_stack, const void* stack, size_t size) {
  __sanitizer_start_switch_fiber(fake_stack, stack, size);
}
void after_switch(void* fake_stack, const void** stack, size_t* size) {
  __sanitizer_finish_switch_fiber(fake_stack, stack, size);
}
void forget(const std::byte* stack) { __asan_unpoison_memory_region(stack, kStack); }
#else
void before_switch(void**, const void*, size_t) {}
void after_switch(void*, const void**, size_t*) {}
void forget(const std::byte*) {}
#endif

}  // namespace

struct Fibers::Entry {
  [[noreturn]] static void enter(transfer_t from) {
    Fiber& f = *static_cast<Fiber*>(from.data);
    Fibers& all = *f.owner;
    after_switch(nullptr, &all.caller_stack_, &all.caller_stack_size_);
    all.caller_ = from.fctx;
    const int i = static_cast<int>(&f - all.fibers_.data());
    f.body(f.argument, i);
    all.leave(i, true);
    __builtin_unreachable();
  }
};

Fibers::Fibers(int most) : fibers_(static_cast<size_t>(most)) {
  void* memory = mmap(nullptr, kStack * fibers_.size(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stacks_ = static_cast<std::byte*>(memory);
}

Fibers::~Fibers() { munmap(stacks_, kStack * fibers_.size()); }

std::byte* Fibers::stack(int i) const { return stacks_ + static_cast<size_t>(i) * kStack; }

void Fibers::start(int i, Body body, void* argument) {
  forget(stack(i));
  void* context = make_fcontext(stack(i) + kStack, kStack, &Entry::enter);
  fibers_[static_cast<size_t>(i)] = {context, nullptr, body, argument, this};
}

void Fibers::resume(int i) {
  Fiber& f = fibers_[static_cast<size_t>(i)];
  void* own_fake_stack = nullptr;
  before_switch(&own_fake_stack, stack(i), kStack);
  f.context = jump_fcontext(f.context, &f).fctx;
  after_switch(own_fake_stack, nullptr, nullptr);
}

void Fibers::suspend(int i) { leave(i, false); }

void Fibers::leave(int i, bool for_good) {
  Fiber& f = fibers_[static_cast<size_t>(i)];
  before_switch(for_good ? nullptr : &f.fake_stack, caller_stack_, caller_stack_size_);
  caller_ = jump_fcontext(caller_, nullptr).fctx;
  after_switch(f.fake_stack, &caller_stack_, &caller_stack_size_);
}

}  // namespace trireme::cuda_shim
