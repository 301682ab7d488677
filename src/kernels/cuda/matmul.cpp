// Matrix products by cuBLASLt: the algorithm is chosen once, when the plan is made. Bits are the
// same from run to run on one kind of GPU: cuBLAS promises that for a fixed algorithm, and
// workspace and stream belong to the caller.

#include <cublasLt.h>

#include <array>
#include <memory>

#include "kernels/cuda/context.h"
#include "kernels/cuda/last_error.h"
#include "kernels/cuda/matmul_layout.h"
#include "kernels/cuda/own/bias.h"
#include "kernels/cuda/plan.h"
#include "kernels/cuda/unique_handle.h"

namespace trireme::cu {
namespace {

using Description = UniqueHandle<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = UniqueHandle<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = UniqueHandle<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

// What NVIDIA recommends for Hopper; an algorithm usually takes less, and only that is asked for.
constexpr size_t kLargestWorkspace = size_t{32} << 20;
constexpr uint32_t kPointerAlignment = 64;  // kernel_table.h promises no more
constexpr int kCandidates = 16;
// Stands for the bias while an algorithm is chosen: the library wants a pointer there and does not
// follow it.
const void* const kSomeBias = reinterpret_cast<const void*>(uintptr_t{kPointerAlignment});

bool good(cublasStatus_t rc, const char* call) noexcept {
  if (rc == CUBLAS_STATUS_SUCCESS) return true;
  keep_error(call, cublasLtGetStatusString(rc));
  return false;
}

cublasLtEpilogue_t native(MatmulEpilogue e) {
  switch (e) {
    case MatmulEpilogue::none:
      return CUBLASLT_EPILOGUE_DEFAULT;
    case MatmulEpilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    case MatmulEpilogue::relu:
      return CUBLASLT_EPILOGUE_RELU;
    case MatmulEpilogue::relu_bias:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
    case MatmulEpilogue::gelu_tanh:
      return CUBLASLT_EPILOGUE_GELU;
    case MatmulEpilogue::gelu_tanh_bias:
      return CUBLASLT_EPILOGUE_GELU_BIAS;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

template <class Value>
bool set(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t attribute, Value value) {
  return good(cublasLtMatmulDescSetAttribute(d, attribute, &value, sizeof value),
              "cublasLtMatmulDescSetAttribute");
}
template <class Value>
bool set(cublasLtMatmulPreference_t p, cublasLtMatmulPreferenceAttributes_t attribute,
         Value value) {
  return good(cublasLtMatmulPreferenceSetAttribute(p, attribute, &value, sizeof value),
              "cublasLtMatmulPreferenceSetAttribute");
}

bool make(Layout& layout, const ColumnMajor& m, cudaDataType_t type) {
  return good(cublasLtMatrixLayoutCreate(layout.put(), type, static_cast<uint64_t>(m.rows),
                                         static_cast<uint64_t>(m.cols), m.ld),
              "cublasLtMatrixLayoutCreate");
}

cudaDataType_t native(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return CUDA_R_16BF;
    case ElementType::f16:
      return CUDA_R_16F;
    case ElementType::f32:
      break;
  }
  return CUDA_R_32F;
}

// False for algorithms on tensor cores: fp32 is fp32, whatever NVIDIA_TF32_OVERRIDE says.
bool is_plain_fp32(const cublasLtMatmulAlgo_t& algorithm) {
  uint64_t flags = 0;
  size_t written = 0;
  return cublasLtMatmulAlgoCapGetAttribute(&algorithm, CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS,
                                           &flags, sizeof flags,
                                           &written) == CUBLAS_STATUS_SUCCESS &&
         (flags & CUBLASLT_NUMERICAL_IMPL_FLAGS_TENSOR_OP_MASK) == 0;
}

// What the library computes of a specification whose bias and activation it leaves to kernels of
// ours.
MatmulSpec bare(MatmulSpec s) {
  s.bias = false;
  s.activation = Activation::none;
  return s;
}

class MatmulPlan final : public Plan {
 public:
  // In the library, or behind it: bias and activation.
  enum class Bias { fused, behind };
  MatmulPlan(const MatmulSpec& spec, Precision precision, Bias bias)
      : spec_(spec),
        in_library_(bias == Bias::fused ? spec : bare(spec)),
        layout_(layout_of(in_library_)),
        precision_(precision) {}

  // Describes the product and chooses the algorithm. False: last_error() says why.
  bool prepare(cublasLtHandle_t library) {
    library_ = library;
    const ElementType element = element_of(precision_);
    const cudaDataType_t operand = native(element);
    return good(
               cublasLtMatmulDescCreate(description_.put(),
                                        precision_ == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                      : CUBLAS_COMPUTE_32F,
                                        CUDA_R_32F),
               "cublasLtMatmulDescCreate") &&
           set(description_.get(), CUBLASLT_MATMUL_DESC_TRANSA,
               layout_.transpose_first ? CUBLAS_OP_T : CUBLAS_OP_N) &&
           set(description_.get(), CUBLASLT_MATMUL_DESC_TRANSB,
               layout_.transpose_second ? CUBLAS_OP_T : CUBLAS_OP_N) &&
           set(description_.get(), CUBLASLT_MATMUL_DESC_EPILOGUE, native(layout_.epilogue)) &&
           (!in_library_.bias ||
            (set(description_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, kSomeBias) &&
             set(description_.get(), CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_32F))) &&
           make(first_, layout_.first, operand) && make(second_, layout_.second, operand) &&
           make(result_, layout_.result, rounds_result() ? operand : CUDA_R_32F) && choose();
  }
  size_t workspace_bytes() const { return workspace_; }

  Status run(Stream* stream, void* const* arguments, void* scratch) const noexcept override {
    const float alpha = 1.0f;
    cublasLtMatmulDesc_t description = description_.get();
    cublasLtMatmulDescOpaque_t with_bias;  // the bias pointer is part of the description
    if (in_library_.bias) {
      with_bias = *description;
      description = &with_bias;
      if (!set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
               static_cast<const void*>(arguments[2])))
        return Status::failed;
    }
    if (!good(cublasLtMatmul(library_, description, &alpha, arguments[1], first_.get(),
                             arguments[0], second_.get(), &layout_.beta, arguments[3],
                             result_.get(), arguments[3], result_.get(), &algorithm_,
                             workspace_ > 0 ? workspace_in(scratch) : nullptr, workspace_,
                             reinterpret_cast<cudaStream_t>(stream)),
              "cublasLtMatmul"))
      return Status::failed;
    return finish(stream, static_cast<const float*>(arguments[2]),
                  static_cast<Element*>(arguments[3]));
  }

 private:
  // Whether C is of 2-byte Elements.
  bool rounds_result() const {
    return element_of(precision_) != ElementType::f32 && !spec_.full_result;
  }

  // What the library left of bias and activation.
  Status finish(Stream* stream, const float* bias, Element* c) const noexcept {
    const KernelTable& k = opened()->kernels;
    if (spec_.bias && !in_library_.bias) {
      const Status status = add_bias_of(k.element)(stream, spec_.m, spec_.n, bias, c);
      if (status != Status::ok) return status;
    }
    const Activation left =
        in_library_.activation == spec_.activation ? layout_.after : spec_.activation;
    if (left == Activation::none) return Status::ok;
    return k.activation_forward(stream, left, spec_.alpha, spec_.m * spec_.n, c, c);
  }

  bool choose() {
    Preference preference;
    if (!good(cublasLtMatmulPreferenceCreate(preference.put()), "cublasLtMatmulPreferenceCreate") ||
        !set(preference.get(), CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kLargestWorkspace))
      return false;
    for (const auto operand :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      if (!set(preference.get(), operand, kPointerAlignment)) return false;
    // Where the inner extent is split, the parts are added up in fp32, not in the result's type.
    constexpr uint32_t kSums =
        CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    if (rounds_result() &&
        !set(preference.get(), CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kSums))
      return false;
    std::array<cublasLtMatmulHeuristicResult_t, kCandidates> found{};
    int n = 0;
    if (!good(cublasLtMatmulAlgoGetHeuristic(library_, description_.get(), first_.get(),
                                             second_.get(), result_.get(), result_.get(),
                                             preference.get(), kCandidates, found.data(), &n),
              "cublasLtMatmulAlgoGetHeuristic"))
      return false;
    for (int i = 0; i < n; ++i) {  // best first
      const auto& candidate = found[static_cast<size_t>(i)];
      if (candidate.state != CUBLAS_STATUS_SUCCESS) continue;
      if (precision_ == Precision::fp32 && !is_plain_fp32(candidate.algo)) continue;
      algorithm_ = candidate.algo;
      workspace_ = candidate.workspaceSize;
      return true;
    }
    keep_error("cuBLASLt", precision_ == Precision::fp32
                               ? "it offers no fp32 algorithm without tensor cores for this product"
                               : "it offers no algorithm for this product in this precision");
    return false;
  }

  MatmulSpec spec_, in_library_;
  MatmulLayout layout_;
  Precision precision_;
  cublasLtHandle_t library_ = nullptr;
  Description description_;
  Layout first_, second_, result_;
  cublasLtMatmulAlgo_t algorithm_{};
  size_t workspace_ = 0;
};

// The product of no rows or no columns.
class NothingPlan final : public Plan {
 public:
  Status run(Stream*, void* const*, void*) const noexcept override { return Status::ok; }
};

bool valid(const MatmulSpec& s) {
  const bool plain = !s.bias && s.activation == Activation::none;
  return s.m >= 0 && s.n >= 0 && s.k >= 1 && ((s.write == Write::set && !s.full_result) || plain);
}

}  // namespace

Status make_matmul(const MatmulSpec* spec, bool, Plan** out, PlanInfo* info) noexcept {
  *out = nullptr;
  *info = {};
  if (!valid(*spec)) return Status::invalid;
  if (spec->leaves > 1) return Status::unsupported;  // a GPU computes its whole share as one leaf
  return guarded([&] {
    if (spec->m == 0 || spec->n == 0) {
      *out = new NothingPlan;
      return Status::ok;
    }
    const DeviceContext& device = *opened();
    auto plan = std::make_unique<MatmulPlan>(*spec, device.precision, MatmulPlan::Bias::fused);
    bool prepared = plan->prepare(device.cublas.get());
    if (!prepared && spec->bias) {  // an fp32 bias may have no algorithm beside a 2-byte result
      plan = std::make_unique<MatmulPlan>(*spec, device.precision, MatmulPlan::Bias::behind);
      prepared = plan->prepare(device.cublas.get());
    }
    if (!prepared) return Status::unsupported;
    info->scratch_bytes = scratch_for(plan->workspace_bytes());
    *out = plan.release();
    return Status::ok;
  });
}

}  // namespace trireme::cu
