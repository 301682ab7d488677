#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace trireme {

// Up to six extents, row-major. In the graph a shape is that of ONE sample: the batch is not in it.
class Shape {
 public:
  static constexpr int kMaxRank = 6;
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(
      std::span<const int64_t> dims);  // throws ShapeError past kMaxRank or on a negative extent

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  std::span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  int64_t elements() const;           // 1 for rank 0; throws ShapeError on overflow of 2^62
  std::string str() const;            // "1x28x28"; "scalar" for rank 0
  Shape with_batch(int64_t n) const;  // n in front
  friend bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && a.dims_ == b.dims_;
  }

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

}  // namespace trireme
