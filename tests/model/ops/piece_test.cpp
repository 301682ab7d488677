// Weight gradients that are computed once for all leaves of a piece: the bits of each leaf by
// itself, added along the tree.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "model/build.h"
#include "model/ops/expect_error.h"
#include "model/program.h"

namespace trireme::test {
namespace {

std::vector<float> wave(size_t count, float phase) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = std::sin(1.7f * static_cast<float>(i + 1) + phase);
  return values;
}

// conv - flatten - dense - relu - dense: both dense layers see values that the arena would reuse.
std::unique_ptr<Graph> small_net() {
  auto graph = std::make_unique<Graph>();
  NodeId x = graph->add_input("x", {2, 5, 5});
  x = graph->add("conv",
                 make_op("conv2d", {{"filters", int64_t{3}},
                                    {"kernel", int64_t{3}},
                                    {"activation", std::string("relu")}}),
                 {x});
  x = graph->add("flat", make_op("flatten", {}), {x});
  x = graph->add(
      "fc1", make_op("dense", {{"units", int64_t{20}}, {"activation", std::string("relu")}}), {x});
  x = graph->add("fc2", make_op("dense", {{"units", int64_t{4}}}), {x});
  graph->add_loss("loss", make_op("mse", {}), {x}, "target", 1);
  graph->freeze();
  return graph;
}

// How the leaves of a piece are run: one after another, the last with what is computed at once, or
// that in three parts afterwards, or moreover side by side.
enum class Way { with_the_last, afterwards, side_by_side };

// The leaves of one piece, run by one lane.
class Piece {
 public:
  // `samples` of each leaf, 0: absent. `at_once`: one product a piece where the kernels can.
  Piece(const Graph& graph, std::vector<int64_t> samples, bool at_once)
      : graph_(graph), samples_(std::move(samples)), params_(size()), piece_(size(), kNoise) {
    ProgramOptions options;
    options.seed = 1;
    if (at_once) options.leaves = static_cast<int64_t>(samples_.size());
    for (int64_t n : samples_)
      if (n > 0 && !programs_.contains(n))
        programs_[n] = Program::compile(graph, cpu_kernels(), n, options);
    for (const Slot& slot : graph.params().slots()) {
      const auto values = wave(static_cast<size_t>(slot.count), 0.3f);
      std::copy(values.begin(), values.end(), params_.begin() + slot.offset);
    }
  }

  void run(Way way = Way::with_the_last) {
    size_t arena_bytes = 0, last = 0;
    for (const auto& [n, program] : programs_)
      arena_bytes = std::max(arena_bytes, program->arena_bytes());
    std::vector<AlignedBuffer> arenas;  // one, shared by all leaves, or one each
    for (size_t i = 0; i < (way == Way::side_by_side ? samples_.size() : 1); ++i)
      arenas.emplace_back(arena_bytes);
    std::vector<AlignedBuffer> kept(samples_.size()), packed(samples_.size());
    std::vector<std::vector<float>> x(samples_.size()), target(samples_.size());
    std::vector<std::array<std::byte*, 2>> fields(samples_.size());
    std::vector<Workspace> workspaces(samples_.size());
    std::vector<PieceWork::Leaf> leaves(samples_.size());
    std::vector<double> sums(2);
    gradients_.assign(samples_.size(), std::vector<float>(size(), kNoise));
    for (size_t i = 0; i < samples_.size(); ++i)
      if (samples_[i] > 0) last = i;
    for (size_t i = 0; i <= last; ++i) {
      if (samples_[i] == 0) continue;
      const Program& program = *programs_.at(samples_[i]);
      const auto n = static_cast<size_t>(samples_[i]);
      x[i] = wave(n * 50, static_cast<float>(i));
      target[i] = wave(n * 4, 2 * static_cast<float>(i));
      fields[i] = {reinterpret_cast<std::byte*>(x[i].data()),
                   reinterpret_cast<std::byte*>(target[i].data())};
      kept[i] = AlignedBuffer(program.kept_bytes());
      packed[i] = AlignedBuffer(program.packed_bytes());
      program.pack(params_.data(), packed[i].data(), 0, 1, nullptr);
      Workspace& ws = workspaces[i];
      ws.arena = arenas[std::min(i, arenas.size() - 1)].data();
      ws.kept = kept[i].data();
      ws.params = params_.data();
      ws.grads = gradients_[i].data();
      ws.packed = packed[i].data();
      ws.fields = fields[i].data();
      ws.sums = sums.data();
      leaves[i] = {&program, &ws};
      const PieceWork piece{leaves, piece_.data()};
      const bool ends = way == Way::with_the_last && i == last;
      if (way != Way::side_by_side) program.run(ws, 0, nullptr, nullptr, ends ? &piece : nullptr);
    }
    if (way == Way::side_by_side) Program::run_together({leaves, nullptr});
    Workspace scratch;
    scratch.arena = arenas.front().data();
    const Program& most = *programs_.rbegin()->second;
    for (int part = 0; part < 3 && way != Way::with_the_last; ++part)
      most.run_at_once(scratch, {leaves, piece_.data()}, part, 3);
  }

  std::span<const Range> at_once() const { return programs_.begin()->second->at_once(); }
  const std::vector<float>& gradient(size_t leaf) const { return gradients_[leaf]; }
  const std::vector<float>& piece() const { return piece_; }

  static constexpr float kNoise = 1e6f;  // what is not set must not be read

 private:
  size_t size() const { return static_cast<size_t>(graph_.params().size()); }
  const Graph& graph_;
  std::vector<int64_t> samples_;
  std::map<int64_t, std::unique_ptr<const Program>> programs_;
  std::vector<float> params_, piece_;
  std::vector<std::vector<float>> gradients_;
};

// Left + right at every node, absent leaves skipped.
float tree_sum(const Piece& piece, const std::vector<int64_t>& samples, int64_t i) {
  std::vector<std::optional<float>> nodes;
  for (size_t leaf = 0; leaf < samples.size(); ++leaf)
    nodes.push_back(samples[leaf] > 0 ? std::optional(piece.gradient(leaf)[static_cast<size_t>(i)])
                                      : std::nullopt);
  for (; nodes.size() > 1; nodes.resize(nodes.size() / 2)) {
    for (size_t k = 0; k < nodes.size() / 2; ++k) {
      const auto left = nodes[2 * k], right = nodes[2 * k + 1];
      nodes[k] = left && right ? std::optional(*left + *right) : left ? left : right;
    }
  }
  return *nodes.front();
}

TEST(PieceTest, WeightGradientsComputedAtOnceHaveTheBitsOfTheTree) {
  const auto graph = small_net();
  for (const std::vector<int64_t>& samples : std::vector<std::vector<int64_t>>{
           {3, 2}, {2, 3, 2, 3}, {1, 1, 1, 1, 1, 1, 1, 1}, {2, 0}, {0, 3, 3, 0}}) {
    Piece alone(*graph, samples, false);
    alone.run();
    EXPECT_TRUE(alone.at_once().empty());
    for (const Way way : {Way::with_the_last, Way::afterwards, Way::side_by_side}) {
      Piece together(*graph, samples, true);
      if (together.at_once().empty())
        GTEST_SKIP() << "the kernels of this machine have no such plan";
      together.run(way);
      std::vector<bool> at_once(together.piece().size());
      for (const Range& range : together.at_once())
        for (int64_t i = range.begin; i < range.end; ++i) {
          at_once[static_cast<size_t>(i)] = true;
          ASSERT_EQ(together.piece()[static_cast<size_t>(i)], tree_sum(alone, samples, i)) << i;
        }
      for (size_t leaf = 0; leaf < samples.size(); ++leaf)
        for (size_t i = 0; i < at_once.size(); ++i)
          ASSERT_EQ(together.gradient(leaf)[i],
                    at_once[i] ? Piece::kNoise : alone.gradient(leaf)[i])
              << "leaf " << leaf << ", element " << i;
    }
  }
}

TEST(PieceTest, BothDenseLayersAreComputedAtOnceAndNothingElse) {
  const auto graph = small_net();
  const Piece piece(*graph, {2, 2}, true);
  if (piece.at_once().empty()) GTEST_SKIP() << "the kernels of this machine have no such plan";
  int64_t elements = 0;
  for (const Range& range : piece.at_once()) elements += range.size();
  EXPECT_EQ(elements,
            graph->params().find("fc1.weight")->count + graph->params().find("fc2.weight")->count);
}

}  // namespace
}  // namespace trireme::test
