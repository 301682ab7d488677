#include "data/loader_slot.h"

#include <fmt/format.h>

#include <stdexcept>

namespace trireme {
namespace {

DeviceBuffer memory(const Device* device, int64_t count, size_t element) {
  return host_memory(device, static_cast<size_t>(count) * element, "a prefetched batch");
}

}  // namespace

LeafSlot::LeafSlot(const Schema& schema, int64_t max_samples, const LoaderOptions& options)
    : elements_(schema.input.elements()),
      target_width_(schema.classes > 0 ? 1 : schema.target_width),
      ids_count_(schema.ids()),
      max_samples_(max_samples),
      labels_(schema.classes > 0),
      bytes_(options.bytes),
      input_(memory(options.device, max_samples * elements_, bytes_ ? 1 : sizeof(float))),
      target_(memory(options.device, max_samples * target_width_,
                     labels_ ? sizeof(int64_t) : sizeof(float))),
      weight_(memory(options.device, schema.weighted ? max_samples : 0, sizeof(float))),
      ids_(memory(options.device, max_samples * ids_count_, sizeof(int64_t))),
      keys_(memory(options.device, max_samples, sizeof(SampleKey))) {
  const auto set = [this](BatchField field, bool present, const DeviceBuffer& buffer) {
    batch_.fields[static_cast<size_t>(field)] = present ? buffer.data() : nullptr;
  };
  set(BatchField::input, elements_ > 0, input_);
  set(BatchField::target, true, target_);
  set(BatchField::weight, schema.weighted, weight_);
  set(BatchField::ids, ids_count_ > 0, ids_);
  batch_.keys = reinterpret_cast<SampleKey*>(keys_.data());
}

void LeafSlot::read_samples(const DataSource& source, const Order& order,
                            const LeafRequest& request, bool augment) {
  if (request.samples() > max_samples_) {
    throw std::logic_error(fmt::format("leaf {} asks for {} samples of at most {}", request.leaf,
                                       request.samples(), max_samples_));
  }
  for (int64_t i = 0; i < request.samples(); ++i) {
    const SampleKey key = order.at(request.epoch, static_cast<uint64_t>(request.begin + i));
    reinterpret_cast<SampleKey*>(keys_.data())[i] = key;
    SampleOut out{};
    if (bytes_)
      out.bytes = reinterpret_cast<uint8_t*>(input_.data()) + i * elements_;
    else if (elements_ > 0)
      out.input = input_.floats() + i * elements_;
    if (labels_) {
      out.label = reinterpret_cast<int64_t*>(target_.data()) + i;
    } else {
      out.target = target_.floats() + i * target_width_;
    }
    if (batch_.at(BatchField::weight)) out.weight = weight_.floats() + i;
    if (ids_count_ > 0) out.ids = reinterpret_cast<int64_t*>(ids_.data()) + i * ids_count_;
    source.read(key.id, key, augment, out);
  }
  batch_.samples = request.samples();
}

void LeafSlot::fill(const DataSource& source, const Order& order, const LeafRequest& request,
                    bool augment) noexcept {
  try {
    read_samples(source, order, request, augment);
    state_.store(State::ready, std::memory_order_release);
  } catch (...) {
    failure_ = std::current_exception();
    state_.store(State::failed, std::memory_order_release);
  }
}

const LeafBatch& LeafSlot::batch() const {
  if (state() == State::failed) std::rethrow_exception(failure_);
  return batch_;
}

}  // namespace trireme
