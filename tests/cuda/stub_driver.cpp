// A libcuda.so.1 for tests: a CUDA driver on a machine without a device. It loads and describes
// code, so that libraries can plan; whatever could run answers "not supported". The functions are
// those of the public driver API, cut down to what their caller can see: a C calling convention and
// an int. STUB_DRIVER_VERSION: the newest CUDA it claims to know, as 1000 major + 10 minor.

#include <cstring>

namespace {

enum Result : int { kSuccess = 0, kNoDevice = 100, kNotSupported = 801 };

// Any number will do where a handle or an attribute is only passed on.
int give_handle(void** out) {
  *out = reinterpret_cast<void*>(0x1000);
  return kSuccess;
}
int give_attribute(int* out) {
  *out = 64;
  return kSuccess;
}
int give_text(int, const char** out) {
  *out = "stub driver";
  return kSuccess;
}
int done() { return kSuccess; }

}  // namespace

extern "C" {
int cuInit(unsigned) { return kNoDevice; }
int cuDriverGetVersion(int* out) {
  *out = STUB_DRIVER_VERSION;
  return kSuccess;
}
int cuDeviceGetCount(int* out) {
  *out = 0;
  return kSuccess;
}
int cuGetErrorName(int code, const char** out) { return give_text(code, out); }
int cuGetErrorString(int code, const char** out) { return give_text(code, out); }
int cuLibraryLoadData(void** out) { return give_handle(out); }
int cuLibraryLoadFromFile(void** out) { return give_handle(out); }
int cuLibraryGetKernel(void** out) { return give_handle(out); }
int cuLibraryUnload() { return done(); }
int cuKernelGetFunction(void** out) { return give_handle(out); }
int cuKernelGetAttribute(int* out) { return give_attribute(out); }
int cuKernelSetAttribute() { return done(); }
int cuFuncGetAttribute(int* out) { return give_attribute(out); }
int cuFuncSetAttribute() { return done(); }

int cuDeviceGet() { return kNotSupported; }
int cuCtxGetCurrent() { return kNotSupported; }
int cuCtxGetLimit() { return kNotSupported; }
int cuCtxPopCurrent() { return kNotSupported; }
int cuCtxPushCurrent() { return kNotSupported; }
int cuStreamGetCtx() { return kNotSupported; }
int cuLinkCreate() { return kNotSupported; }
int cuLinkAddData() { return kNotSupported; }
int cuLinkComplete() { return kNotSupported; }
int cuLinkDestroy() { return kNotSupported; }
int cuLaunchKernel() { return kNotSupported; }
int cuLaunchKernelEx() { return kNotSupported; }
int cuLaunchCooperativeKernel() { return kNotSupported; }
int cuOccupancyMaxPotentialClusterSize() { return kNotSupported; }

// How the runtime library finds everything else: what is not above is not supported.
int cuGetProcAddress_v2(const char* name, void** out, int, unsigned long long, int*) {
  struct Known {
    const char* name;
    void* function;
  };
  static const Known known[] = {{"cuInit", reinterpret_cast<void*>(cuInit)},
                                {"cuDriverGetVersion", reinterpret_cast<void*>(cuDriverGetVersion)},
                                {"cuDeviceGetCount", reinterpret_cast<void*>(cuDeviceGetCount)},
                                {"cuGetErrorName", reinterpret_cast<void*>(cuGetErrorName)},
                                {"cuGetErrorString", reinterpret_cast<void*>(cuGetErrorString)},
                                {"cuGetProcAddress", reinterpret_cast<void*>(cuGetProcAddress_v2)}};
  *out = reinterpret_cast<void*>(cuDeviceGet);
  for (const Known& k : known)
    if (std::strcmp(k.name, name) == 0) *out = k.function;
  return kSuccess;
}
}
