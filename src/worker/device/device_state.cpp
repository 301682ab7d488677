#include "worker/device/device_state.h"

#include <algorithm>

#include "base/error.h"

namespace trireme {
namespace {

// "loss_scale": the fields of a LossScale. Empty without one.
ParamTable scale_table(const std::optional<LossScaling>& scaling) {
  if (!scaling) return {};
  constexpr int64_t kFields = sizeof(LossScale) / sizeof(float);
  Slot slot;
  slot.name = "loss_scale";
  slot.logical = slot.view = {kFields};
  slot.count = kFields;
  return ParamTable({slot});
}

}  // namespace

DeviceState::DeviceState(const Device& device, Communicator& comm, const Graph& graph,
                         const Optimizer& optimizer, bool ema, std::optional<LossScaling> scaling,
                         double timeout)
    : device_(device),
      comm_(comm),
      params_(graph.params()),
      state_(graph.state()),
      moment_names_(optimizer.state().begin(), optimizer.state().end()),
      scaling_(scaling),
      scale_table_(scale_table(scaling)),
      timeout_(timeout),
      stream_(device.stream()),
      weights_(flat(params_.size(), "the weights")),
      gradients_(flat(params_.size(), "the gradients")),
      running_(flat(state_.size(), "the running statistics")),
      snapshot_memory_(std::make_shared<SnapshotMemory>(device)) {
  if (ema) ema_ = flat(params_.size(), "the weights' average");
  if (scaling) loss_scale_ = flat(scale_table_.size(), "the loss scale");
  if (const size_t element = bytes_of(device.kernels().element); element < sizeof(float)) {
    const size_t bytes = static_cast<size_t>(params_.size()) * element;
    low_ = device.allocate(bytes, Memory::device, "the weights' low-precision copy");
    if (ema) low_ema_ = device.allocate(bytes, Memory::device, "the average's low-precision copy");
  }
  buffers_.grad = gradients_.floats();
  buffers_.weights = weights_.floats();
  buffers_.ema = ema_.floats();
  buffers_.low = reinterpret_cast<Element*>(low_.data());
  std::vector<float> start;
  for (size_t i = 0; i < moment_names_.size(); ++i) {
    moments_.push_back(flat(params_.size(), "the optimizer's state"));
    buffers_.state[i] = moments_.back().floats();
    start.assign(static_cast<size_t>(params_.size()), optimizer.initial_state(static_cast<int>(i)));
    upload(moments_.back(), start.data());
  }
  if (comm.rank() != 0) return;  // it writes the checkpoints: the first shall not wait for memory
  size_t index = 0;
  for (const Part& part : parts()) snapshot_memory_->on_device(index++, part.buffer->size());
  (void)snapshot_memory_->piece();
}

DeviceState::~DeviceState() = default;

std::vector<MemoryNeed> DeviceState::needs(const Graph& graph, const Optimizer& optimizer, bool ema,
                                           ElementType element, bool checkpoints) {
  const auto flat = static_cast<size_t>(graph.params().size()) * sizeof(float);
  const auto running = static_cast<size_t>(graph.state().size()) * sizeof(float);
  const size_t low = element == ElementType::f32 ? 0 : flat / sizeof(float) * bytes_of(element);
  const size_t moments = optimizer.state().size() * flat, average = ema ? flat : 0;
  return {{"weights", flat + running + low + (ema ? low : 0), "model"},
          {"gradients", flat, "model"},
          {"the optimizer's state", moments, "optimizer.name, optimizer.momentum"},
          {"the weights' average", average, "train.ema"},
          {"copy for checkpoints", checkpoints ? flat + running + moments + average : 0, ""}};
}

DeviceBuffer DeviceState::flat(int64_t elements, const char* what) const {
  return device_.allocate(static_cast<size_t>(elements) * sizeof(float), Memory::device, what);
}

// Waits: `from` may go as soon as this returns.
void DeviceState::upload(const DeviceBuffer& to, const float* from) const {
  device_.copy(to.data(), from, to.size(), stream_);
  device_.synchronise(stream_);
}

void DeviceState::narrow(const DeviceBuffer& from, const DeviceBuffer& to) const {
  if (to.size() == 0) return;
  if (device_.kernels().narrow(stream_.get(), params_.size(), from.floats(),
                               reinterpret_cast<Element*>(to.data())) != Status::ok)
    throw DeviceError(device_.name() + ": the kernel that narrows the weights failed");
}

const std::byte* DeviceState::evaluated_low() {
  if (low_ema_.size() == 0) return low_.data();
  narrow(ema_, low_ema_);
  return low_ema_.data();
}

const float* DeviceState::fetch(AlignedBuffer& host, const DeviceBuffer& device) const {
  if (host.size() < device.size()) host = AlignedBuffer(device.size());
  device_.copy(host.data(), device.data(), device.size(), stream_);
  device_.synchronise(stream_);
  return host.floats();
}

const float* DeviceState::averaged_params() const {
  return ema_.size() > 0 ? fetch(host_average_, ema_) : params();
}

void DeviceState::initialise(const float* params, const float* state) {
  upload(weights_, params);
  upload(running_, state);
  if (ema_.size() > 0) upload(ema_, params);
  if (scaling_) {
    std::vector<float> scale(static_cast<size_t>(scale_table_.size()));
    scale.front() = scaling_->start;  // LossScale's first field; the others start at 0
    upload(loss_scale_, scale.data());
  }
  narrow(weights_, low_);
  comm_.barrier({timeout_, "the initial weights", -1});
}

std::vector<DeviceState::Part> DeviceState::parts() const {
  std::vector<Part> parts = {{"model.", &params_, &weights_}};
  for (size_t i = 0; i < moments_.size(); ++i)
    parts.push_back({"optimizer." + moment_names_[i] + ".", &params_, &moments_[i]});
  if (ema_.size() > 0) parts.push_back({"ema.", &params_, &ema_});
  parts.push_back({"state.", &state_, &running_});
  if (scaling_) parts.push_back({"", &scale_table_, &loss_scale_});
  return parts;
}

void DeviceState::restore(const TensorReader& read) {
  AlignedBuffer flat;
  std::vector<float> logical;
  for (const Part& part : parts()) {
    fetch(flat, *part.buffer);
    for (const Slot& slot : part.table->slots()) {
      logical.resize(static_cast<size_t>(slot.count));
      if (read({part.prefix + slot.name, slot.logical, DType::f32},
               std::as_writable_bytes(std::span(logical))))
        to_stored(slot, logical.data(), flat.floats() + slot.offset);
    }
    upload(*part.buffer, flat.floats());
  }
  narrow(weights_, low_);
  comm_.barrier({timeout_, "the restored state", -1});
}

std::unique_ptr<StateSource> DeviceState::snapshot(bool writes) {
  if (!writes) return nullptr;
  auto copy = std::make_unique<DeviceSnapshot>(snapshot_memory_);
  for (const Part& part : parts())
    copy->add(part.prefix, *part.table, part.buffer->floats(), stream_);
  copy->seal(stream_);
  return copy;
}

// Ranks wait for each other on the host with deadlines of their own; the error's way out is
// Communicator::abort.
void DeviceState::fail(std::string_view) noexcept {}

}  // namespace trireme
