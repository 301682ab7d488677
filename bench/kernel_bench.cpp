// Speed of the CPU's convolution, matrix-product and pooling kernels at the shapes of small
// networks, on one thread. Build with TRIREME_BENCH=ON; run pinned: taskset -c 0 kernel_bench
// --benchmark_filter=lenet The column to read is `min`: other programs on the machine only add
// time.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "tensor/buffer.h"

namespace trireme {
namespace {

AlignedBuffer values(int64_t n, float scale) {
  AlignedBuffer buffer(static_cast<size_t>(n) * sizeof(float));
  for (int64_t i = 0; i < n; ++i) {
    buffer.floats()[i] = scale * (static_cast<float>(i * 2654435761u % 1000) / 500.0f - 1.0f);
  }
  return buffer;
}

// A plan with buffers large enough for any of its arguments.
class Runner {
 public:
  Runner(const Conv2dSpec& spec, ConvPass pass, int64_t largest) {
    if (k_.make_conv2d(&spec, pass, &plan_, &info_) != Status::ok) std::abort();
    allocate(largest);
  }
  Runner(const MatmulSpec& spec, bool pack, int64_t largest) {
    if (k_.make_matmul(&spec, pack, &plan_, &info_) != Status::ok) std::abort();
    allocate(largest);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() { k_.destroy(plan_); }

  // `weights`: the argument that packing replaces.
  void measure(benchmark::State& state, int weights, double flops, bool bias) {
    void* arguments[4];
    for (size_t i = 0; i < 4; ++i) arguments[i] = buffers_[i].data();
    if (info_.pack_bytes > 0) {
      k_.pack(plan_, nullptr, buffers_[static_cast<size_t>(weights)].floats(), packed_.data(), 0,
              1);
      arguments[weights] = packed_.data();
    }
    if (!bias) arguments[2] = nullptr;
    for (auto _ : state) {
      if (k_.run(plan_, nullptr, arguments, scratch_.data()) != Status::ok) std::abort();
    }
    report(state, flops);
  }
  void measure_pack(benchmark::State& state) {
    for (auto _ : state) k_.pack(plan_, nullptr, buffers_[0].floats(), packed_.data(), 0, 1);
  }
  bool packs() const { return info_.pack_bytes > 0; }

 private:
  static void report(benchmark::State& state, double flops) {
    state.counters["GFLOP/s"] =
        benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  }
  void allocate(int64_t largest) {
    for (auto& buffer : buffers_) buffer = values(largest, 0.5f);
    scratch_ = AlignedBuffer(info_.scratch_bytes);
    packed_ = AlignedBuffer(info_.pack_bytes);
  }
  const KernelTable& k_ = cpu_kernels();
  Plan* plan_ = nullptr;
  PlanInfo info_{};
  AlignedBuffer buffers_[4], scratch_, packed_;
};

struct ConvLayer {
  const char* name;
  int64_t size, in, out, kernel, pad, stride;
};
constexpr ConvLayer kConvolutions[] = {
    {"lenet1", 28, 1, 6, 5, 2, 1},         {"lenet2", 14, 6, 16, 5, 0, 1},
    {"mnist1", 28, 1, 32, 3, 0, 1},        {"mnist2", 26, 32, 64, 3, 0, 1},
    {"resnet0", 32, 3, 16, 3, 1, 1},       {"resnet16", 32, 16, 16, 3, 1, 1},
    {"resnet16to32", 32, 16, 32, 3, 1, 2}, {"resnet32", 16, 32, 32, 3, 1, 1},
    {"resnet64", 8, 64, 64, 3, 1, 1},
};
struct DenseLayer {
  const char* name;
  int64_t in, out;
};
constexpr DenseLayer kDense[] = {{"lenet_fc1", 400, 120}, {"lenet_fc2", 120, 84},
                                 {"lenet_fc3", 84, 10},   {"mnist_fc1", 9216, 128},
                                 {"mnist_fc2", 128, 10},  {"mlp_fc1", 784, 128}};

template <class Function>
void add(const std::string& name, Function function) {
  benchmark::RegisterBenchmark(name.c_str(), function)
      ->Unit(benchmark::kMicrosecond)
      ->MinTime(0.004)
      ->Repetitions(15)
      ->ReportAggregatesOnly()
      ->ComputeStatistics("min", [](const std::vector<double>& v) {
        return *std::min_element(v.begin(), v.end());
      });
}

void add_convolution(const ConvLayer& layer, int64_t n) {
  const int64_t out = (layer.size + 2 * layer.pad - layer.kernel) / layer.stride + 1;
  const double flops =
      2.0 * static_cast<double>(n * out * out * layer.out * layer.in * layer.kernel * layer.kernel);
  const int64_t largest =
      std::max({n * layer.size * layer.size * layer.in, n * out * out * layer.out,
                layer.in * layer.out * layer.kernel * layer.kernel});
  const Conv2dSpec spec{n,
                        layer.size,
                        layer.size,
                        layer.in,
                        layer.out,
                        layer.kernel,
                        layer.kernel,
                        layer.stride,
                        layer.stride,
                        layer.pad,
                        layer.pad,
                        1,
                        1,
                        1,
                        true,
                        Activation::none,
                        0};
  const std::string name = std::string(layer.name) + "/n" + std::to_string(n);
  add(name + "/forward", [=](benchmark::State& state) {
    Conv2dSpec with_relu = spec;
    with_relu.activation = Activation::relu;
    Runner(with_relu, ConvPass::forward, largest).measure(state, 1, flops, true);
  });
  add(name + "/data", [=](benchmark::State& state) {
    Runner(spec, ConvPass::backward_data, largest).measure(state, 1, flops, true);
  });
  add(name + "/weights", [=](benchmark::State& state) {
    Runner(spec, ConvPass::backward_weights, largest).measure(state, 1, flops, true);
  });
  if (n != 8) return;
  for (const ConvPass pass : {ConvPass::forward, ConvPass::backward_data}) {
    add(std::string(layer.name) + (pass == ConvPass::forward ? "/pack" : "/pack_data"),
        [=](benchmark::State& state) { Runner(spec, pass, largest).measure_pack(state); });
  }
}

void add_dense(const DenseLayer& layer, int64_t n) {
  const double flops = 2.0 * static_cast<double>(n * layer.in * layer.out);
  const int64_t largest = std::max({layer.in * layer.out, n * layer.in, n * layer.out});
  const auto none = Activation::none;
  const MatmulSpec forward{n,    layer.out,        layer.in, false,     true,
                           true, Activation::relu, 0,        Write::set};
  const MatmulSpec data{n, layer.in, layer.out, false, false, false, none, 0, Write::set};
  const MatmulSpec weights{layer.out, layer.in, n, true, false, false, none, 0, Write::set};
  const std::string name = std::string(layer.name) + "/n" + std::to_string(n);
  add(name + "/forward", [=](benchmark::State& state) {
    Runner(forward, true, largest).measure(state, 1, flops, true);
  });
  add(name + "/data", [=](benchmark::State& state) {
    Runner(data, true, largest).measure(state, 1, flops, false);
  });
  add(name + "/weights", [=](benchmark::State& state) {
    Runner(weights, false, largest).measure(state, 1, flops, false);
  });
  if (n != 8) return;
  add(std::string(layer.name) + "/pack",
      [=](benchmark::State& state) { Runner(forward, true, largest).measure_pack(state); });
  add(std::string(layer.name) + "/pack_data",
      [=](benchmark::State& state) { Runner(data, true, largest).measure_pack(state); });
}

void add_pool(const char* name, int64_t n, int64_t size, int64_t channels) {
  const Pool2dSpec spec{n, size, size, channels, 2, 2, 2, 2, 0, 0, size / 2, size / 2, true};
  const auto in = static_cast<size_t>(n * size * size * channels);
  const std::string title = std::string(name) + "/n" + std::to_string(n);
  for (const bool forward : {true, false}) {
    add(title + (forward ? "/forward" : "/backward"), [=](benchmark::State& state) {
      const KernelTable& k = cpu_kernels();
      AlignedBuffer x = values(static_cast<int64_t>(in), 1), y(in), index(in / 4);
      k.max_pool_forward(nullptr, &spec, x.floats(), y.floats(),
                         reinterpret_cast<uint8_t*>(index.data()));
      for (auto _ : state) {
        if (forward) {
          k.max_pool_forward(nullptr, &spec, x.floats(), y.floats(),
                             reinterpret_cast<uint8_t*>(index.data()));
        } else {
          k.max_pool_backward(nullptr, &spec, y.floats(),
                              reinterpret_cast<const uint8_t*>(index.data()), x.floats(),
                              Write::set);
        }
      }
    });
  }
}

// Batch norm with relu over n images of side x side, and per second the floats of x.
void add_batch_norm(const char* name, int64_t n, int64_t side, int64_t channels) {
  const int64_t rows = n * side * side;
  const std::string title = std::string(name) + "/n" + std::to_string(n);
  const auto entry = [=](const char* what, auto run) {
    add(title + what, [=](benchmark::State& state) {
      const KernelTable& k = cpu_kernels();
      AlignedBuffer x = values(rows * channels, 1), y = values(rows * channels, 1),
                    dy = values(rows * channels, 1), lanes = values(channels, 1),
                    sums(static_cast<size_t>(2 * channels) * sizeof(double));
      for (auto _ : state)
        run(k, x.floats(), y.floats(), dy.floats(), lanes.floats(),
            reinterpret_cast<double*>(sums.data()));
      state.counters["Gfloat/s"] =
          benchmark::Counter(1e-9 * static_cast<double>(rows * channels),
                             benchmark::Counter::kIsIterationInvariantRate);
    });
  };
  using K = const KernelTable&;
  const auto relu = Activation::relu;
  entry("/sums", [=](K k, float* x, float*, float*, float*, double* sums) {
    k.batch_norm_sums(nullptr, rows, channels, x, sums, nullptr, nullptr);
  });
  entry("/forward", [=](K k, float* x, float* y, float*, float* c, double*) {
    k.batch_norm_forward(nullptr, rows, channels, x, c, c, c, c, nullptr, relu, y);
  });
  entry("/backward_sums", [=](K k, float* x, float* y, float* dy, float* c, double* sums) {
    k.batch_norm_backward_sums(nullptr, rows, channels, x, y, dy, nullptr, c, c, c, c, relu,
                               nullptr, sums, nullptr, nullptr);
  });
  entry("/backward", [=](K k, float* x, float* y, float* dy, float* c, double*) {
    k.batch_norm_backward(nullptr, rows, channels, x, nullptr, dy, c, c, c, c, c, c, relu, y,
                          Write::set, nullptr, Write::set);
  });
}

void add_all() {
  add_batch_norm("bn16", 2, 32, 16);
  add_batch_norm("bn32", 4, 16, 32);
  add_batch_norm("bn64", 8, 8, 64);
  add_batch_norm("bn20", 2, 32, 20);
  for (const int64_t n : {1, 4, 8, 32}) {
    for (const ConvLayer& layer : kConvolutions) add_convolution(layer, n);
    for (const DenseLayer& layer : kDense) add_dense(layer, n);
    add_pool("lenet_pool1", n, 28, 6);
    add_pool("lenet_pool2", n, 10, 16);
    add_pool("mnist_pool", n, 24, 64);
  }
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) {
  trireme::prepare_kernel_thread();
  trireme::add_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
