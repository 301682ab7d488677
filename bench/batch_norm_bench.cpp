// The time of batch norm's four entries on CUDA device 0 at the shapes of ResNet-50, in bf16 or as
// PRECISION says, and the bytes of the tensors that they read and write in that time.
//   batch_norm_bench [PLUGIN] [PRECISION]
// The tensors of a shape take turns, so that none is in the second-level cache from its last turn.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/cuda_plugin.h"

namespace trireme::bench {
namespace {

struct Shape {
  int64_t side, channels;
};
constexpr int64_t kSamples = 256;
constexpr Shape kShapes[] = {{112, 64}, {56, 64}, {56, 256}, {28, 512}, {14, 1024}, {7, 2048}};
constexpr size_t kBytes = size_t{8} << 30;  // of all tensors
constexpr int kTensors = 5, kWarmUp = 3, kRuns = 40;

// Sets of kTensors tensors that lie behind each other, one a run.
class Tensors {
 public:
  Tensors(const DeviceBuffer& memory, size_t bytes)
      : memory_(memory), bytes_(bytes), sets_(memory.size() / (bytes * kTensors)) {}
  void next() { set_ = (set_ + 1) % sets_; }
  Element* operator[](int i) const {
    return reinterpret_cast<Element*>(memory_.data() +
                                      (set_ * kTensors + static_cast<size_t>(i)) * bytes_);
  }

 private:
  const DeviceBuffer& memory_;
  size_t bytes_, sets_, set_ = 0;
};

class BatchNormBench {
 public:
  explicit BatchNormBench(const Device& device)
      : device_(device),
        k_(device.kernels()),
        memory_(device.allocate(kBytes, Memory::device, "tensors")),
        numbers_(device.allocate(size_t{16} << 20, Memory::device, "numbers")),
        scratch_(device.allocate(size_t{16} << 20, Memory::device, "scratch")),
        stream_(device.stream()) {}

  void run(const Shape& shape) {
    const int64_t rows = kSamples * shape.side * shape.side, c = shape.channels;
    const size_t tensor = static_cast<size_t>(rows * c) * bytes_of(k_.element);
    Tensors of(memory_, tensor);
    float* const n = numbers_.floats();
    const auto at = [&](int64_t i) { return n + i * c; };  // mean, rstd, gamma, beta, means, sums
    double* const sums = reinterpret_cast<double*>(at(8));
    Stream* const s = stream_.get();
    const Element* const none = nullptr;
    const BatchNormStatistics statistics{static_cast<double>(rows), 1e-5, at(0), at(1)};
    const BatchNormGradients gradients{
        at(6), Write::set, at(7), Write::set, static_cast<double>(rows), at(4), at(5)};
    const auto title = fmt::format("{}x{}x{}", shape.side, shape.side, c);
    const auto entry = [&](const char* name, int moved, const std::function<Status()>& run) {
      print(title, name, static_cast<double>(moved) * static_cast<double>(tensor), of, run);
    };
    entry("sums", 1, [&] {
      return k_.batch_norm_sums(s, rows, c, of[0], sums, scratch_.data(), &statistics);
    });
    const auto forward = [&](const Element* addend) {
      return k_.batch_norm_forward(s, rows, c, of[0], at(0), at(1), at(2), at(3), addend,
                                   Activation::relu, of[1]);
    };
    entry("forward", 2, [&] { return forward(nullptr); });
    entry("forward, addend", 3, [&] { return forward(of[2]); });
    const auto backward_sums = [&](const Element* y, const Element* more, Element* g) {
      return k_.batch_norm_backward_sums(s, rows, c, of[0], y, of[2], more, at(0), at(1), at(2),
                                         at(3), Activation::relu, g, sums, scratch_.data(),
                                         &gradients);
    };
    entry("backward sums", 2, [&] { return backward_sums(none, none, nullptr); });
    entry("backward sums, addend", 4, [&] { return backward_sums(of[1], none, of[4]); });
    entry("backward sums, addend, two parts", 5,
          [&] { return backward_sums(of[1], of[3], of[4]); });
    const auto backward = [&](Activation act) {
      return k_.batch_norm_backward(s, rows, c, of[0], nullptr, of[2], at(0), at(1), at(2), at(3),
                                    at(4), at(5), act, of[3], Write::set, nullptr, Write::set);
    };
    entry("backward", 3, [&] { return backward(Activation::relu); });
    entry("backward, addend", 3, [&] { return backward(Activation::none); });
  }

 private:
  void print(const std::string& title, const char* name, double bytes, Tensors& of,
             const std::function<Status()>& run) const {
    const auto times = [&](int count) {
      for (int i = 0; i < count; ++i, of.next())
        if (run() != Status::ok) throw DeviceError(device_.last_error(), "");
      device_.synchronise(stream_);
    };
    times(kWarmUp);
    const auto start = std::chrono::steady_clock::now();
    times(kRuns);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    const double seconds = taken.count() / kRuns;
    fmt::print("{:12} {:34} {:7.1f} us {:6.0f} GB/s\n", title, name, 1e6 * seconds,
               1e-9 * bytes / seconds);
  }

  const Device& device_;
  const KernelTable& k_;
  DeviceBuffer memory_, numbers_, scratch_;
  DeviceStream stream_;
};

Precision precision_of(const std::string& name) {
  if (name == "fp32") return Precision::fp32;
  if (name == "bf16") return Precision::bf16;
  if (name == "fp16") return Precision::fp16;
  throw DeviceError("there is no precision \"" + name + "\"", "fp32, bf16 or fp16");
}

void time_batch_norm(const std::string& file, const std::string& precision) {
  const CudaPlugin plugin = CudaPlugin::load(file);
  if (plugin.devices() == 0) throw DeviceError(plugin.reason(), plugin.hint());
  const auto device = plugin.open(0, /*reproducible=*/true, precision_of(precision));
  device->make_current();
  fmt::print("{}, {}, batch {}\n", device->name(), precision, kSamples);
  BatchNormBench bench(*device);
  for (const Shape& shape : kShapes) bench.run(shape);
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  try {
    trireme::bench::time_batch_norm(
        argc > 1 ? argv[1] : trireme::CudaPlugin::beside_program().string(),
        argc > 2 ? argv[2] : "bf16");
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "batch_norm_bench: %s\n", e.what());
    return 1;
  }
}
