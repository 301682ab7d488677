#include "kernels/cpu/onednn.h"

#include <omp.h>

namespace trireme::cpu {

// Both are handles without state that a computation could see, as a stream of the CPU engine runs
// everything at once.
const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

const dnnl::stream& thread_stream() {
  thread_local const dnnl::stream stream(engine());
  return stream;
}

OneThread::OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(before_); }

Arguments::~Arguments() {
  for (int i = 0; i < count_; ++i) dnnl_memory_destroy(args_[i].memory);
}

void Arguments::add(int name, const dnnl::memory::desc& md, void* data) {
  if (failed_ || md.get_size() == 0) return;
  dnnl_memory_t memory = nullptr;
  failed_ = count_ == kMost ||
            dnnl_memory_create(&memory, md.get(), engine().get(), data) != dnnl_success;
  if (!failed_) args_[count_++] = {name, memory};
}

Status Arguments::execute(const dnnl::primitive& primitive) {
  if (failed_) return Status::failed;
  const auto status = dnnl_primitive_execute(primitive.get(), thread_stream().get(), count_, args_);
  return status == dnnl_success ? Status::ok : Status::failed;
}

Relayout::Relayout(const dnnl::memory::desc& from, const dnnl::memory::desc& to)
    : from_(from), to_(to) {
  primitive_ = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
}

Status Relayout::run(const void* from, void* to) const {
  Arguments arguments;
  arguments.add(DNNL_ARG_FROM, from_, const_cast<void*>(from));
  arguments.add(DNNL_ARG_TO, to_, to);
  return arguments.execute(primitive_);
}

dnnl::primitive_attr attributes(bool accumulate) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops after;
  if (accumulate) after.append_sum(1.0f);
  attr.set_post_ops(after);
  return attr;
}

}  // namespace trireme::cpu
