#include "worker/batch_fields.h"

#include <gmock/gmock.h>

#include "kernels/kernel_table.h"
#include "model/build.h"

namespace trireme {
namespace {

using testing::ElementsAre;

// y[n] = the ids of sample n that are there.
class CountIds final : public Op {
 public:
  std::string_view kind() const override { return "count_ids"; }
  DType input_dtype(int) const override { return DType::i64; }
  Shape infer(std::span<const Shape>) const override { return {1}; }
  Cost cost(std::span<const Shape>) const override { return {}; }

  struct Counting final : Lowered {
    Ref ids, out;
    int64_t width = 0;
    Status forward(const Frame& f) const noexcept override {
      for (int64_t n = 0; n < f.samples; ++n) {
        f.at(out)[n] = 0;
        for (int64_t i = 0; i < width; ++i)
          if (f.at<int64_t>(ids)[n * width + i] >= 0) f.at(out)[n] += 1;
      }
      return Status::ok;
    }
  };
  std::unique_ptr<Lowered> lower(LowerContext& c) const override {
    auto lowered = std::make_unique<Counting>();
    lowered->ids = c.input(0);
    lowered->out = c.output();
    lowered->width = c.input_shape(0).elements();
    return lowered;
  }
};

std::unique_ptr<Graph> graph_of(bool dense) {
  auto graph = std::make_unique<Graph>();
  const NodeId x = dense ? graph->add_input("x", {1}) : -1;
  const NodeId ids = graph->add_input("ids", {2, 2}, DType::i64);
  const NodeId count = graph->add("count", std::make_shared<CountIds>(), {ids});
  const NodeId sum =
      dense ? graph->add("sum", make_op("add", {{"inputs", int64_t{2}}}), {count, x}) : count;
  const NodeId y = graph->add("out", make_op("dense", {{"units", int64_t{1}}}), {sum});
  graph->add_loss("loss", make_op("mse", {}), {y}, "target", 1);
  graph->freeze();
  return graph;
}

TEST(BatchFields, GoByTypeAndNameWhereverTheyStand) {
  ProgramOptions options;
  options.sample_weights = true;
  const auto both = graph_of(true), alone = graph_of(false);
  using enum BatchField;
  EXPECT_THAT(batch_fields(*both, *Program::compile(*both, cpu_kernels(), 2, options)),
              ElementsAre(input, ids, target, weight));
  EXPECT_THAT(batch_fields(*alone, *Program::compile(*alone, cpu_kernels(), 2, options)),
              ElementsAre(ids, target, weight));
}

TEST(BatchFields, AProgramReadsTheIds) {
  prepare_kernel_thread();
  const auto graph = graph_of(true);
  ProgramOptions options;
  options.mode = Mode::inference;
  options.losses = false;
  const auto program = Program::compile(*graph, cpu_kernels(), 2, options);
  const AlignedBuffer arena(program->arena_bytes()), packed(program->packed_bytes() + 1);
  AlignedBuffer params(static_cast<size_t>(graph->params().size()) * sizeof(float));
  for (const Slot& slot : graph->params().slots())
    params.floats()[slot.offset] = slot.name == "out.weight" ? 2.0f : 0.5f;
  std::vector<float> x = {100, 200};
  std::vector<int64_t> ids = {7, -1, -1, -1, 0, 5, int64_t{1} << 62, -1};
  const std::vector<std::byte*> fields = {reinterpret_cast<std::byte*>(x.data()),
                                          reinterpret_cast<std::byte*>(ids.data())};
  Workspace ws;
  ws.arena = arena.data();
  ws.packed = packed.data();
  ws.params = params.floats();
  ws.fields = fields.data();
  program->pack(params.floats(), packed.data(), 0, 1, nullptr);
  program->run(ws, 0, nullptr, nullptr);
  const auto* y = reinterpret_cast<const float*>(program->output(ws));
  EXPECT_THAT(std::vector<float>(y, y + 2), ElementsAre(202.5f, 406.5f));
}

}  // namespace
}  // namespace trireme
