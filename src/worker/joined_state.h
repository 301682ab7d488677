#pragma once
// Two states as one.

#include <algorithm>
#include <memory>
#include <vector>

#include "checkpoint/state.h"

namespace trireme {

class JoinedState final : public StateSource {
 public:
  // `first` is captured first.
  JoinedState(std::unique_ptr<StateSource> first, std::unique_ptr<StateSource> second)
      : first_(std::move(first)), second_(std::move(second)), list_(first_->list()) {
    list_.insert(list_.end(), second_->list().begin(), second_->list().end());
  }
  void capture() override {
    first_->capture();
    second_->capture();
  }
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override {
    holder(tensor).read(tensor, out);
  }
  std::span<const std::byte> in_place(const TensorMeta& tensor) const override {
    return holder(tensor).in_place(tensor);
  }

 private:
  StateSource& holder(const TensorMeta& tensor) const {
    const bool is_first = std::ranges::any_of(
        first_->list(), [&](const TensorMeta& t) { return t.name == tensor.name; });
    return is_first ? *first_ : *second_;
  }

  const std::unique_ptr<StateSource> first_, second_;
  std::vector<TensorMeta> list_;
};

}  // namespace trireme
