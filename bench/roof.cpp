// What the machine can do at most, in the same run as the figures that are held against it.
//   run N gemm|fma|copy THREADS -> seconds of N units on each of THREADS threads; `ready` says how
//   much a unit is.
// gemm: oneDNN matmul 1024^3. fma: independent fused multiply-adds in registers. copy: 64 MiB, read
// and written.

#include <immintrin.h>
#include <omp.h>

#include <barrier>
#include <chrono>
#include <cstring>
#include <dnnl.hpp>
#include <memory>
#include <thread>

#include "serve.h"

namespace trireme::bench {
namespace {

constexpr int64_t kSide = 1024, kFmaLoops = 1 << 18, kCopyBytes = 64 << 20;
constexpr int kChains = 10;  // covers latency 4 on two units, and leaves registers for the operands

using Clock = std::chrono::steady_clock;
using Job = std::function<void(int64_t repetitions)>;

// Each thread makes its job and runs it once untimed; the clock runs from the last that is ready to
// the end of all.
double timed(int threads, int64_t repetitions, const std::function<Job()>& make) {
  std::barrier gate(threads + 1);
  std::vector<std::jthread> team;
  for (int t = 0; t < threads; ++t)
    team.emplace_back([&] {
      const Job job = make();
      job(1);
      gate.arrive_and_wait();
      job(repetitions);
      gate.arrive_and_wait();
    });
  gate.arrive_and_wait();
  const auto start = Clock::now();
  gate.arrive_and_wait();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One matrix a thread: what lanes get, and more than one matrix shared by threads reaches.
Job make_gemm() {
  omp_set_num_threads(1);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::memory::desc md({kSide, kSide}, dnnl::memory::data_type::f32,
                              dnnl::memory::format_tag::ab);
  const dnnl::memory a(md, engine), b(md, engine), c(md, engine);
  for (const dnnl::memory& m : {a, b, c}) std::memset(m.get_data_handle(), 0, md.get_size());
  const dnnl::matmul gemm(dnnl::matmul::primitive_desc(engine, md, md, md));
  return [=](int64_t repetitions) {
    dnnl::stream stream(engine);
    for (int64_t i = 0; i < repetitions; ++i)
      gemm.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
    stream.wait();
  };
}

Job make_copy() {
  const auto from = std::make_shared<std::vector<char>>(kCopyBytes, 1);
  const auto to = std::make_shared<std::vector<char>>(kCopyBytes);
  return [=](int64_t repetitions) {
    for (int64_t i = 0; i < repetitions; ++i) {
      std::memcpy(to->data(), from->data(), kCopyBytes);
      asm volatile("" : : "r"(to->data()) : "memory");
    }
  };
}

__attribute__((target("avx2,fma"))) void fma_avx2(int64_t repetitions) {
  __m256 x[kChains];
  for (__m256& v : x) v = _mm256_set1_ps(1.0f);
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int64_t i = 0; i < repetitions * kFmaLoops; ++i) {
    for (__m256& v : x) v = _mm256_fmadd_ps(v, a, b);
    for (__m256& v : x) asm volatile("" : "+x"(v));
  }
}

__attribute__((target("avx512f"))) void fma_avx512(int64_t repetitions) {
  __m512 x[kChains];
  for (__m512& v : x) v = _mm512_set1_ps(1.0f);
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int64_t i = 0; i < repetitions * kFmaLoops; ++i) {
    for (__m512& v : x) v = _mm512_fmadd_ps(v, a, b);
    for (__m512& v : x) asm volatile("" : "+v"(v));
  }
}

bool wide() { return __builtin_cpu_supports("avx512f"); }
Job make_fma() { return wide() ? fma_avx512 : fma_avx2; }

double run(const Request& request) {
  if (request.words.size() != 2) throw std::runtime_error("expected: run N gemm|fma|copy THREADS");
  const std::string& what = request.words[0];
  const int threads = std::stoi(request.words[1]);
  if (what == "gemm") return timed(threads, request.repetitions, make_gemm);
  if (what == "copy") return timed(threads, request.repetitions, make_copy);
  if (what == "fma") return timed(threads, request.repetitions, make_fma);
  throw std::runtime_error("no such roof: " + what);
}

std::string facts() {
  const int64_t gemm = 2 * kSide * kSide * kSide, fma = 2 * kFmaLoops * kChains * (wide() ? 16 : 8);
  return "{\"gemm\": " + std::to_string(gemm) + ", \"fma\": " + std::to_string(fma) +
         ", \"copy\": " + std::to_string(kCopyBytes) + ", \"vector\": \"" +
         (wide() ? "AVX-512" : "AVX2") + "\"}";
}

}  // namespace
}  // namespace trireme::bench

int main() {
  try {
    trireme::bench::serve(trireme::bench::facts(), trireme::bench::run);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "roof: %s\n", e.what());
    return 1;
  }
}
