#include "model/ops/rules.h"

#include <fmt/format.h>

#include "base/error.h"

namespace trireme {

void require_inputs(std::string_view kind, std::span<const Shape> inputs, size_t count) {
  if (inputs.size() == count) return;
  throw ShapeError(fmt::format("{}: takes {} input{}, got {}", kind, count, count == 1 ? "" : "s",
                               inputs.size()),
                   "name the inputs with from=A,B");
}

void require_image(std::string_view kind, const Shape& input) {
  if (input.rank() == 3) return;
  throw ShapeError(fmt::format("{}: needs an image CxHxW, got {}", kind, input.str()),
                   "set data.channels, data.height and data.width, or put a reshape before it");
}

void require_rows(std::string_view kind, const Shape& input) {
  if (input.rank() == 1 || input.rank() == 2) return;
  throw ShapeError(fmt::format("{}: needs features F or rows TxC, got {}", kind, input.str()),
                   "put a flatten or global_avg_pool before it");
}

void require_same(std::string_view kind, std::span<const Shape> inputs) {
  if (inputs.size() < 2)
    throw ShapeError(fmt::format("{}: takes two inputs or more, got {}", kind, inputs.size()),
                     "name the inputs with from=A,B");
  for (const Shape& shape : inputs)
    if (!(shape == inputs[0]))
      throw ShapeError(
          fmt::format("{}: inputs differ, {} and {}", kind, inputs[0].str(), shape.str()),
          "a 1x1 conv2d or a dense brings them to one shape");
}

Matrix matrix_of(const Shape& sample) {
  if (sample.rank() == 3) return {sample[1] * sample[2], sample[0]};
  if (sample.rank() == 0) return {1, 1};
  const int64_t cols = sample[sample.rank() - 1];
  return {cols > 0 ? sample.elements() / cols : 0, cols};
}

Pair slide(std::string_view kind, std::string_view window_name, const Windows& windows,
           const Shape& image) {
  Pair out{};
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t extent = image[static_cast<int>(axis) + 1] + 2 * windows.padding[axis];
    const int64_t reach = windows.dilation[axis] * (windows.kernel[axis] - 1) + 1;
    if (reach > extent) {
      const bool dilated = windows.dilation != Pair{1, 1};
      throw ShapeError(
          fmt::format("{}: {} {}x{}{} does not fit the input {}x{} with padding {}", kind,
                      window_name, windows.kernel[0], windows.kernel[1],
                      dilated ? fmt::format(" of dilation {}", to_text(windows.dilation)) : "",
                      image[1], image[2], to_text(windows.padding)),
          fmt::format("lower {} or raise padding", window_name));
    }
    out[axis] = (extent - reach) / windows.stride[axis] + 1;
  }
  return out;
}

double traffic(std::span<const Shape> inputs, const Shape& output) {
  double elements = static_cast<double>(output.elements());
  for (const Shape& shape : inputs) elements += static_cast<double>(shape.elements());
  return elements * sizeof(float);
}

}  // namespace trireme
