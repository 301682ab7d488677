#include "kernels_device/observed_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "kernels_device/arena.h"

namespace trireme::test {
namespace {

// Entries of a kernel table have no place for an owner.
const KernelTable* observed = nullptr;
const Device* device = nullptr;

// What kernel_table.h says is read on the host.
template <class T>
constexpr bool kOnHost =
    std::is_same_v<T, Stream> || std::is_same_v<T, Plan> || std::is_same_v<T, Plan*> ||
    std::is_same_v<T, PlanInfo> || std::is_same_v<T, Conv2dSpec> || std::is_same_v<T, MatmulSpec> ||
    std::is_same_v<T, Pool2dSpec> || std::is_same_v<T, EmbeddingBagSpec> ||
    std::is_same_v<T, TableLeaf> || std::is_same_v<T, DropoutSpec> ||
    std::is_same_v<T, OptimizerSpec> || std::is_same_v<T, StepEnd> ||
    std::is_same_v<T, SlotRules> || std::is_same_v<T, BatchNormStatistics> ||
    std::is_same_v<T, BatchNormGradients> || std::is_same_v<T, RunningStatistics>;

bool visible(const void* p) { return !p || device_visible_memory().contains(p); }

template <class T>
bool acceptable(T argument) {
  if constexpr (std::is_same_v<T, void* const*>) {  // of run(), whose plans take four
    return visible(argument[0]) && visible(argument[1]) && visible(argument[2]) &&
           visible(argument[3]);
  } else if constexpr (std::is_pointer_v<T>) {
    return kOnHost<std::remove_cv_t<std::remove_pointer_t<T>>> || visible(argument);
  } else {
    return true;
  }
}

// A device that failed once fails ever after: the tests behind this one would say nothing.
void stop_tests() { GTEST_FLAG_SET(fail_fast, true); }

Status finished(Status status, const char* entry) noexcept try {
  if (status == Status::failed) ADD_FAILURE() << device->last_error() << "\nin " << entry;
  if (status == Status::unsupported) fmt::print("unsupported: {}\n", device->last_error());
  device->synchronise();
  return status;
} catch (const Error& e) {
  ADD_FAILURE() << e.what() << "\nin " << entry;
  stop_tests();
  return Status::failed;
}

template <auto Entry>
struct Observed;
template <class... Arguments, Status (*KernelTable::*Entry)(Arguments...) noexcept>
struct Observed<Entry> {
  static Status call(Arguments... arguments) noexcept {
    const char* name = __PRETTY_FUNCTION__;  // it holds the entry's
    if (!(... && acceptable(arguments))) {
      ADD_FAILURE() << "an argument lies where the device cannot see it\nin " << name;
      return Status::failed;
    }
    device->make_current();
    return finished((observed->*Entry)(arguments...), name);
  }
};

template <auto... Entries>
void observe_entries(KernelTable& table) {
  ((table.*Entries = Observed<Entries>::call), ...);
}

// Every entry that returns a Status.
void require_all_observed(const KernelTable& table) {
  const auto* before = reinterpret_cast<void* const*>(observed);
  const auto* after = reinterpret_cast<void* const*>(&table);
  size_t same = 0;
  for (size_t i = kFirstEntry; i < sizeof table / sizeof(void*); ++i) same += before[i] == after[i];
  if (same != 2)  // destroy, reduction_scratch
    throw std::logic_error(std::to_string(same) + " entries are not observed, 2 need not be");
}

}  // namespace

const KernelTable& observe(const KernelTable& kernels, const Device& on) {
  static KernelTable table;
  observed = &kernels;
  device = &on;
  table = kernels;
  using K = KernelTable;
  observe_entries<
      &K::make_conv2d, &K::make_matmul, &K::pack, &K::run, &K::run_leaves, &K::run_blocks, &K::fill,
      &K::copy, &K::add, &K::accumulate, &K::scale, &K::widen, &K::narrow, &K::copy_full,
      &K::accumulate_full, &K::to_bf16, &K::from_bf16, &K::normalise_bytes, &K::activation_forward,
      &K::activation_backward, &K::dropout_forward, &K::dropout_backward, &K::column_sum,
      &K::copy_columns, &K::transpose_samples, &K::softmax_forward, &K::softmax_backward,
      &K::max_pool_forward, &K::max_pool_backward, &K::average_pool_forward,
      &K::average_pool_backward, &K::batch_norm_sums, &K::batch_norm_forward,
      &K::batch_norm_backward_sums, &K::batch_norm_backward, &K::batch_norm_statistics,
      &K::batch_norm_rstd, &K::batch_norm_running, &K::batch_norm_means, &K::layer_norm_forward,
      &K::layer_norm_backward, &K::embedding_bag_forward, &K::embedding_bag_backward,
      &K::dot_interaction_forward, &K::dot_interaction_backward, &K::cross_forward,
      &K::cross_backward, &K::factorization_machine_forward, &K::factorization_machine_backward,
      &K::softmax_cross_entropy, &K::sigmoid_cross_entropy, &K::binary_targets, &K::regression,
      &K::hinge, &K::sums_of_squares, &K::conclude_step, &K::optimizer_step>(table);
  require_all_observed(table);
  return table;
}

}  // namespace trireme::test
