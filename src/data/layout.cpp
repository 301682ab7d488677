#include "data/layout.h"

#include <fmt/format.h>

#include "base/error.h"

namespace trireme {

template <class T>
void channels_last(std::vector<T>& values, const Shape& chw) {
  const int64_t channels = chw[0], plane = chw[1] * chw[2], size = chw.elements();
  if (channels == 1 || plane == 1) return;
  std::vector<T> sample(static_cast<size_t>(size));
  for (size_t base = 0; base < values.size(); base += sample.size()) {
    for (int64_t p = 0; p < plane; ++p) {
      for (int64_t c = 0; c < channels; ++c) {
        sample[static_cast<size_t>(p * channels + c)] =
            values[base + static_cast<size_t>(c * plane + p)];
      }
    }
    std::copy(sample.begin(), sample.end(), values.begin() + static_cast<int64_t>(base));
  }
}

template void channels_last(std::vector<uint8_t>&, const Shape&);
template void channels_last(std::vector<float>&, const Shape&);

namespace {

void check_declared(const char* key, int64_t declared, int64_t found, const Shape& shape) {
  if (declared == 0 || declared == found) return;
  throw DataError(fmt::format("data.{} is {}, but the images are {} (channels x height x width)",
                              key, declared, shape.str()),
                  fmt::format("set data.{} = {}, or leave it out", key, found));
}

}  // namespace

void apply_declared_shape(RawData& raw, const DataConfig& config) {
  if (raw.image) {
    check_declared("channels", config.channels, raw.shape[0], raw.shape);
    check_declared("height", config.height, raw.shape[1], raw.shape);
    check_declared("width", config.width, raw.shape[2], raw.shape);
    return;
  }
  if (config.channels == 0 || config.height == 0 || config.width == 0) return;
  const Shape declared{config.channels, config.height, config.width};
  if (declared.elements() != raw.shape[0]) {
    throw DataError(
        fmt::format("the data has {} columns, but data.channels x height x width is {} = {}",
                    raw.shape[0], declared.str(), declared.elements()),
        "correct data.channels, data.height and data.width, or leave them out");
  }
  channels_last(raw.bytes, declared);
  channels_last(raw.floats, declared);
  raw.shape = declared;
  raw.image = true;
}

}  // namespace trireme
