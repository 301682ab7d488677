#pragma once
// Stands in for NCCL and for what the plugin's collectives use of CUDA: keeps the names of the NCCL
// functions that were called, lets them fail, and holds them until a test lets them go.

#include <nccl.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace trireme {

class FakeNccl {
 public:
  void reset();
  // From now on the function returns `result` / does not return before let_go().
  void fail(const std::string& function, ncclResult_t result);
  void hold(const std::string& function);
  void let_go();
  void set_asynchronous_error(ncclResult_t);

  std::vector<std::string> calls();
  // Of ncclAllReduce, the last: what it summed and how.
  ncclDataType_t summed = ncclNumTypes;
  ncclRedOp_t operation = ncclNumOps;
  bool called_soon(const std::string& function);  // within seconds; false: it was not

  ncclResult_t call(const char* function);
  ncclResult_t asynchronous_error();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> calls_;
  std::map<std::string, ncclResult_t> results_;
  std::set<std::string> held_;
  ncclResult_t asynchronous_ = ncclSuccess;
};

FakeNccl& fake_nccl();  // the one that the functions below the plugin use

}  // namespace trireme
