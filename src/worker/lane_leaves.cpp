// How a lane of a LaneRunner takes its leaves through the training program: one after another, side
// by side, or segment by segment.
#include <algorithm>
#include <limits>

#include "worker/lane_of_runner.h"

namespace trireme {
namespace {
constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();
}

// A poisoned gradient is that of a piece.
bool LaneRunner::whole(const Lane& lane) const { return sharing_.whole && !lane.poison; }

int LaneRunner::last_present(const StepPlan& plan, LeafRun leaves) const {
  for (int leaf = leaves.last - 1; leaf >= leaves.first; --leaf)
    if (leaf_span(plan.begin, plan.samples, leaf, exchange_.shards()).size() > 0) return leaf;
  return -1;
}

void LaneRunner::run_leaves(Lane& lane, int index, const StepPlan& plan, Loader& loader) {
  const LeafRun run = exchange_.leaves(index);
  for (int leaf = run.first; leaf < run.last;) {
    const Exchange::PieceGradient piece = exchange_.piece(index, leaf);
    run_piece(lane, index, plan, loader, piece);
    leaf = piece.leaves.last;
  }
}

const PieceWork::Leaf& LaneRunner::prepare_leaf(Lane& lane, int index, int leaf, int slot,
                                                const LeafBatch& batch) {
  Workspace& ws = lane.workspaces[static_cast<size_t>(slot)] =
      bind(lane, index, leaf, slot, training_, batch, exchange_.params());
  PieceWork::Leaf& of_piece = lane.piece[static_cast<size_t>(slot)];
  of_piece = {&training_.at(batch.samples), &ws};
  return of_piece;
}

void LaneRunner::run_piece(Lane& lane, int index, const StepPlan& plan, Loader& loader,
                           const Exchange::PieceGradient& piece) {
  const auto [leaves, gradient] = piece;
  // What whole gradients are computed from is kept of all leaves of the lane.
  const bool whole = this->whole(lane);
  const int base = sharing_.whole ? exchange_.leaves(index).first : leaves.first;
  const std::span<PieceWork::Leaf> work_leaves =
      std::span(lane.piece)
          .subspan(static_cast<size_t>(leaves.first - base), static_cast<size_t>(leaves.size()));
  std::ranges::fill(work_leaves, PieceWork::Leaf{});
  const PieceWork work{work_leaves, gradient};
  const int last = last_present(plan, leaves);
  for (int leaf = leaves.first; leaf < leaves.last; ++leaf) {
    if (leaf_span(plan.begin, plan.samples, leaf, exchange_.shards()).size() > 0) {
      const LeafBatch& batch = load(lane, plan, leaf, loader);
      const auto [program, ws] = prepare_leaf(lane, index, leaf, leaf - base, batch);
      program->run(*ws, 0, nullptr, lane.poison ? nullptr : exchange_.sink(index, leaf),
                   leaf == last && !whole ? &work : nullptr);
      finish_leaf(index, leaf, *program, training_metrics_, *ws, batch);
      if (lane.poison && leaf == last) *gradient = kPoison;
    }
    exchange_.leaf_done(index, leaf);
  }
}

void LaneRunner::run_side_by_side(Lane& lane, int index, const StepPlan& plan, Loader& loader) {
  const LeafRun run = exchange_.leaves(index);
  std::ranges::fill(lane.piece, PieceWork::Leaf{});
  const auto each_present = [&](auto visit) {
    for (int leaf = run.first; leaf < run.last; ++leaf)
      if (leaf_span(plan.begin, plan.samples, leaf, exchange_.shards()).size() > 0)
        visit(leaf, load(lane, plan, leaf, loader));
  };
  each_present([&](int leaf, const LeafBatch& batch) {
    prepare_leaf(lane, index, leaf, leaf - run.first, batch);
  });
  if (last_present(plan, run) >= 0) Program::run_together({lane.piece, nullptr});
  each_present([&](int leaf, const LeafBatch& batch) {
    const auto [program, ws] = lane.piece[static_cast<size_t>(leaf - run.first)];
    finish_leaf(index, leaf, *program, training_metrics_, *ws, batch);
  });
  for (int leaf = run.first; leaf < run.last; ++leaf) exchange_.leaf_done(index, leaf);
}

// The lane's part of the weight gradients of all leaves, when all lanes are through with theirs.
void LaneRunner::run_whole(Lane& lane, int index, const StepPlan& plan) {
  const int64_t most = std::ranges::max(leaf_sizes_.at(plan.samples));
  Workspace scratch;
  scratch.arena = lane.arenas.front().data();
  training_.at(most).run_at_once(scratch, {whole_, exchange_.whole_gradient(index)}, index,
                                 team_.lanes());
}

// Programs that meet in the middle (global batch norm): all leaves of the lane advance segment by
// segment.
void LaneRunner::run_segments(Lane& lane, int index, const StepPlan& plan, Loader& loader) {
  const LeafRun run = exchange_.leaves(index);
  std::vector<const LeafBatch*> batches(static_cast<size_t>(run.size()), nullptr);
  for (int k = 0; k < run.size(); ++k) {
    if (leaf_span(plan.begin, plan.samples, run.first + k, exchange_.shards()).size() == 0)
      continue;
    batches[static_cast<size_t>(k)] = &load(lane, plan, run.first + k, loader);
    lane.workspaces[static_cast<size_t>(k)] =
        bind(lane, index, run.first + k, k, training_, *batches[static_cast<size_t>(k)],
             exchange_.params());
  }
  const int segments = training_.any().segments();
  GradSink* const sink = lane.poison || run.size() == 0 || !batches.back()
                             ? nullptr
                             : exchange_.sink(index, run.last - 1);
  for (int s = 0; s < segments; ++s) {
    // To and fro: a segment begins with the leaf that is still in the cache.
    const bool back = s % 2 == 1;
    for (int i = 0; i < run.size(); ++i) {
      const int k = back ? run.size() - 1 - i : i;
      if (!batches[static_cast<size_t>(k)]) continue;
      Workspace& ws = lane.workspaces[static_cast<size_t>(k)];
      ws.synced = s > 0 ? lane.synced[static_cast<size_t>(s) - 1].data() : nullptr;
      ws.synced_samples = static_cast<double>(plan.samples);
      const Program& program = training_.at(batches[static_cast<size_t>(k)]->samples);
      const PieceWork::Leaf alone{&program,
                                  &ws};  // leaves advance side by side, each its own piece
      const PieceWork work{{&alone, 1}, ws.grads};
      // What the sink hands in is the sum of all leaves: with the one that comes last.
      program.run(ws, s, exchange_.sum_slot(index, run.first + k),
                  i + 1 == run.size() ? sink : nullptr, &work);
    }
    const int64_t doubles = training_.any().sync_doubles(s);
    if (doubles > 0) exchange_.sync(index, doubles, lane.synced[static_cast<size_t>(s)].data());
  }
  if (lane.poison) *exchange_.piece(index, run.first).gradient = kPoison;
  for (int k = 0; k < run.size(); ++k) {
    if (const LeafBatch* batch = batches[static_cast<size_t>(k)])
      finish_leaf(index, run.first + k, training_.at(batch->samples), training_metrics_,
                  lane.workspaces[static_cast<size_t>(k)], *batch);
    exchange_.leaf_done(index, run.first + k);
  }
}

}  // namespace trireme
