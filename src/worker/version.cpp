#include "worker/version.h"

#include <dnnl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <boost/version.hpp>

#include "kernels/kernel_table.h"

namespace trireme {

std::string version() { return TRIREME_VERSION; }

std::string build_id() {
  return fmt::format("{} {} {}", TRIREME_VERSION, TRIREME_BUILD_TYPE, __VERSION__);
}

std::map<std::string, std::string> build_facts() {
  const dnnl_version_t* onednn = dnnl_version();
  return {{"trireme", version()},
          {"build", TRIREME_BUILD_TYPE},
          {"compiler", fmt::format("g++ {}", __VERSION__)},
          {"oneDNN", fmt::format("{}.{}.{}", onednn->major, onednn->minor, onednn->patch)},
          {"boost", BOOST_LIB_VERSION},
          {"openssl", OpenSSL_version(OPENSSL_VERSION)},
          {"cpu levels", cpu_levels()}};
}

}  // namespace trireme
