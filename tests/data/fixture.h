#pragma once
// Files, configurations and readers of the data tests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "data/source.h"

namespace trireme::test {

// A folder of its own for each test, removed afterwards.
class DataTest : public testing::Test {
 protected:
  DataTest();
  ~DataTest() override;
  // Writes a file and returns its path.
  std::string file(const std::string& name, const std::string& content) const;
  Path folder_;
};

DataConfig default_config(const std::string& reader);

std::string gzip(const std::string& content);
std::string idx(const std::vector<uint32_t>& dims, const std::string& values);
std::string npy(const std::string& descr, const std::string& shape, const std::string& values,
                int version = 1, const std::string& fortran = "False");
// A ustar archive of (name, content).
std::string tar(const std::vector<std::pair<std::string, std::string>>& files);
// H,W,C pixels encoded.
std::string png(int height, int width, int channels, const std::string& pixels);
std::string jpeg(int height, int width, int channels, const std::string& pixels);

template <class T>
std::string raw_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

struct ReadSample {
  std::vector<float> input, target;
  int64_t label = -1;
  float weight = -1;
  std::vector<int64_t> ids;
};
ReadSample read_sample(const DataSource& source, uint64_t id, bool augment = false,
                       SampleKey key = {});

// The message and hint of the error that `action` throws; "no error" without one.
std::string error_of(const std::function<void()>& action);

}  // namespace trireme::test
