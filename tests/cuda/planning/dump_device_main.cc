// cuda_dump_device FOLDER: writes cuDNN's description of CUDA device 0 to
// FOLDER/sm_<capability>.json, in the form that cuda_planning reads. Needs a device; links the
// machine's driver, not the stub.
//
// Exit codes: 0 written, 1 not written, 77 there is no device (the reason is printed).

#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace trireme {
namespace {

void check(cudnnStatus_t rc, const char* call) {
  if (rc != CUDNN_STATUS_SUCCESS)
    throw std::runtime_error(fmt::format("{} failed: {}", call, cudnnGetErrorString(rc)));
}

// The property's descriptor lives as long as the process.
std::string describe_device(int32_t ordinal) {
  cudnnBackendDescriptor_t device = nullptr;
  check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &device),
        "cudnnBackendCreateDescriptor");
  check(cudnnBackendSetAttribute(device, CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1,
                                 &ordinal),
        "cudnnBackendSetAttribute");
  check(cudnnBackendFinalize(device), "cudnnBackendFinalize");
  int64_t size = 0;
  check(cudnnBackendGetAttribute(device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                 0, &size, nullptr),
        "cudnnBackendGetAttribute");
  std::string text(static_cast<size_t>(size), '\0');
  check(cudnnBackendGetAttribute(device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                 size, &size, text.data()),
        "cudnnBackendGetAttribute");
  text.resize(text.find_last_of('}') + 1);  // without a terminating zero
  return text;
}

int run(const std::filesystem::path& folder) {
  int devices = 0;
  const cudaError_t rc = cudaGetDeviceCount(&devices);
  if (rc != cudaSuccess || devices == 0) {
    fmt::print("SKIPPED: no CUDA device: {}\n", cudaGetErrorString(rc));
    return 77;
  }
  const auto description = nlohmann::json::parse(describe_device(0));
  const int capability = description.at("deviceVer").get<int>() / 10;
  std::filesystem::create_directories(folder);
  const auto file = folder / fmt::format("sm_{}.json", capability);
  std::ofstream out(file);
  out << description.dump(1) << '\n';
  fmt::print("{}: {}, cuDNN {}\n", file.string(), description.value("deviceName", "?"),
             cudnnGetVersion());
  return out.good() ? 0 : 1;
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: cuda_dump_device FOLDER\n");
    return 2;
  }
  try {
    return trireme::run(argv[1]);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
