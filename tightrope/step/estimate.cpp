#include "tightrope/step/estimate.h"

#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/formula/bill.h"
#include "tightrope/formula/overlap.h"

namespace tightrope::step {
namespace {

// Waiting for the slowest node, as a share of the pipeline's time.
double straggling(const Context& c, int ranks) {
  const double nodes = static_cast<double>(ranks) / c.fabric.fabric.node_ranks;
  return c.tuning.habits.straggler * std::log2(std::max(1.0, nodes));
}

// Compute of one micro-batch that transfers may run beside. What hides behind it uses it up: two
// transfers do not both hide behind the same product.
struct Window {
  Seconds left{};
  // Visible part of a transfer; the hidden one takes its share of the window.
  Seconds hide(Seconds transfer, double quality, double slowdown) {
    const formula::Exposure e = formula::expose({transfer, left, quality, slowdown});
    left -= e.hidden;
    return e.exposed;
  }
};

// The stages keep step with the busiest one, so its time is everybody's window.
struct Windows {
  Window forward, backward;
  explicit Windows(const RunBasis& busiest)
      : forward{busiest.time.forward}, backward{busiest.time.backward + busiest.time.weight} {}
};

Seconds visible_offload(const Context& c, const Mapping& m, const RunBasis& run,
                        const RunSync& sync, Windows& windows) {
  if (!m.offload_weights && !m.offload_activations) return Seconds(0.0);
  Bytes moved{};  // each way
  if (m.offload_weights) moved += sync.weights;
  if (m.offload_activations) moved += moved_activations(m, run);
  const Seconds one_way = moved / c.fabric.fabric.host_bandwidth;
  const double quality = c.tuning.habits.bulk_hidden;
  return windows.forward.hide(one_way, quality, 0.0) + windows.backward.hide(one_way, quality, 0.0);
}

// ZeRO-3 gathers parameters for either pass of every micro-batch, and reduces in backward.
Seconds visible_shards(const Context& c, const Mapping& m, const RunSync& sync, Windows& windows) {
  const Habits& t = c.tuning.habits;
  const double quality = m.dp_overlap ? t.dp_hidden : 0.0;
  return windows.forward.hide(sync.gather, quality, t.steal) +
         windows.backward.hide(sync.gather + sync.reduce, quality, t.steal);
}

// The others reduce and gather once a step, beside its last backward and first forward. Interleaved
// stages run the last micro-batches of one chunk, a pipeline's depth of them, after the gradients
// of another are complete (and the first ones before its parameters are needed).
Seconds visible_sync(const Context& c, const Mapping& m, const RunBasis& run, int chunks,
                     const RunSync& sync, Windows& windows) {
  const Habits& t = c.tuning.habits;
  const double quality = m.dp_overlap ? t.dp_hidden : 0.0;
  const double passes = std::max(1.0, m.pp * (chunks - 1.0) / chunks);
  windows.backward.left *= passes;
  windows.forward.left *= passes;
  // Later stages finish earlier: their gradients travel while the first ones drain.
  const Seconds slack = run.first * (run.time.backward / chunks);
  const Seconds reduce = windows.backward.hide(sync.reduce, quality, t.steal);
  return max(reduce - slack, Seconds(0.0)) + windows.forward.hide(sync.gather, quality, t.steal);
}

}  // namespace

TimeParts finish(const Context& context, const Mapping& m, const Basis& basis, const SyncCost& sync,
                 const formula::PipelineTime& pipeline) {
  TimeParts out;
  const Windows whole(busiest_run(basis));
  for (std::size_t i = 0; i < basis.runs.size(); ++i) {
    const RunBasis& run = basis.runs[i];
    const RunSync& s = sync.runs[i];
    Windows windows = whole;
    out.offload =
        max(out.offload, basis.micro_batches * visible_offload(context, m, run, s, windows));
    out.optimizer = max(out.optimizer, m.offload_optimizer ? s.optimizer_offloaded : s.optimizer);
    if (m.sharding == Sharding::full) {
      out.shard_gather =
          max(out.shard_gather, basis.micro_batches * visible_shards(context, m, s, windows));
    } else {
      out.dp = max(out.dp, visible_sync(context, m, run, basis.chunks, s, windows));
    }
  }
  out.straggler = straggling(context, m.ranks()) * pipeline.time;
  out.bubble = pipeline.bubble;
  out.fixed = context.tuning.step_fixed();
  out.total = pipeline.time + out.shard_gather + out.offload + out.dp + out.optimizer +
              out.straggler + out.fixed;
  return out;
}

Seconds least_step(const Context& context, int ranks, Seconds pipeline) {
  return pipeline + straggling(context, ranks) * pipeline + context.tuning.step_fixed();
}

std::string_view to_string(Infeasible reason) {
  switch (reason) {
    case Infeasible::none: return "feasible";
    case Infeasible::does_not_divide: return "does not divide";
    case Infeasible::no_format: return "chip lacks the precision";
    case Infeasible::no_scaleout: return "no network beyond the scale-up domain";
    case Infeasible::does_not_fit: return "does not fit in memory";
    case Infeasible::no_host_link: return "no known host link to offload over";
    case Infeasible::cluster_too_small: return "more chips than the provider offers";
  }
  return "?";
}

Infeasible check_mapping(const Context& context, const Mapping& m) {
  const auto bad = Infeasible::does_not_divide;
  if (m.tp < 1 || m.cp < 1 || m.pp < 1 || m.dp < 1 || m.ep < 1 || m.etp < 1 || m.vp < 1) return bad;
  const long replica_batch = static_cast<long>(m.dp) * m.micro_batch;
  if (m.micro_batch < 1 || context.job.global_batch % replica_batch != 0) return bad;
  if (context.job.seq_len % (static_cast<long>(m.cp) * m.tp) != 0) return bad;
  if (!tensors_divide(context.model, m.tp, m.cp, m.cp_kind)) return bad;
  if (!experts_divide(context.model, m.ep, m.etp)) return bad;
  const long inner = static_cast<long>(m.tp) * m.cp * m.dp;
  if (inner % (static_cast<long>(m.ep) * m.etp) != 0) return bad;
  const long micro_batches = context.job.global_batch / replica_batch;
  if (m.vp > 1 && (m.pp == 1 || micro_batches % m.pp != 0)) return bad;
  if (m.schedule == Schedule::zero_bubble && (m.vp > 1 || m.pp == 1)) return bad;
  const topology::Fabric& f = context.fabric.fabric;
  if (m.ranks() > f.domain_ranks && !(f.scaleout_bandwidth > BytesPerSecond(0.0))) {
    return Infeasible::no_scaleout;
  }
  const bool offload = m.offload_weights || m.offload_activations || m.offload_optimizer;
  if (offload && !(f.host_bandwidth > BytesPerSecond(0.0))) return Infeasible::no_host_link;
  return Infeasible::none;
}

namespace {

// Splits the busiest stage's work into its parts, for people.
void split_work(const Context& context, const Mapping& m, const BlockCosts& costs,
                const std::vector<StageLayers>& layout, const Basis& basis, const SyncCost& sync,
                Estimate& e) {
  std::size_t busiest = 0;
  for (std::size_t i = 1; i < basis.runs.size(); ++i) {
    if (basis.runs[i].time.total() > basis.runs[busiest].time.total()) busiest = i;
  }
  const double n = e.micro_batches;
  const StageLayers& stage = layout[busiest];
  TimeParts& p = e.parts;
  int plain_left = m.recompute_layers > 0 ? stage.total() - m.recompute_layers : 0;
  auto add = [&](const PartCost& c, double times) {
    p.forward += n * times * c.forward;
    p.backward += n * times * (c.backward_input + c.backward_weight);
    p.recompute += n * times * c.recompute;
    p.tp += n * times * (c.tp_forward + c.tp_backward);
    p.cp += n * times * (c.cp_forward + c.cp_backward);
    p.ep += n * times * (c.ep_forward + c.ep_backward);
  };
  for (std::size_t k = 0; k < context.kinds.size(); ++k) {
    const int plain = std::clamp(plain_left, 0, stage.layers[k]);
    plain_left -= plain;
    add(costs.plain[k], plain);
    add(costs.kinds[k], stage.layers[k] - plain);
  }
  const RunBasis& run = basis.runs[busiest];
  const RunSync& s = sync.runs[busiest];
  // ZeRO-3 gathers twice and reduces once a micro-batch, the others once a step.
  const double times = m.sharding == Sharding::full ? n : 1.0;
  e.hbm_traffic = n * run.hbm_traffic;
  e.scaleup_traffic = n * run.scaleup_traffic + times * s.scaleup_traffic;
  e.scaleout_traffic = n * run.scaleout_traffic + times * s.scaleout_traffic;
  p.host = n * run.host;
  const Seconds layers = p.forward + p.backward + p.recompute + p.tp + p.cp + p.ep + p.host;
  p.ends = max(e.pipeline.work - layers, Seconds(0.0));
  e.busy = std::min(1.0, n * run.compute / e.step_time);
}

Flops all_flops(const Context& context, const Mapping& m, const BlockCosts& costs,
                const std::vector<StageLayers>& layout, double micro_batches) {
  Flops sum{};
  for (const StageLayers& stage : layout) {
    Flops one{};
    for (std::size_t k = 0; k < context.kinds.size(); ++k) {
      one += stage.layers[k] * costs.kinds[k].flops;
    }
    if (stage.head) one += costs.head.flops;
    sum += stage.count * one;
  }
  return sum * micro_batches * (m.tp * m.cp * m.dp);
}

void add_power(const Context& c, const Mapping& m, Estimate& e) {
  formula::PowerDraw draw;
  draw.chip_max = c.chip.power.value_or(Watts(0.0));
  draw.chips = static_cast<double>(m.ranks()) / c.fabric.fabric.ranks_per_chip;
  draw.busy = e.busy;
  draw.shares = c.power;
  if (c.system.unit_power.known && c.system.chips > 0) {
    draw.host_share = max(Watts(0.0), c.system.unit_power.value / c.system.chips - draw.chip_max);
  }
  e.power = formula::mean_power(draw);
}

}  // namespace

Estimate estimate(const Context& context, const Mapping& m) {
  Estimate e;
  e.mapping = m;
  e.infeasible = check_mapping(context, m);
  if (e.infeasible != Infeasible::none) return e;
  const auto layout =
      spread_layers(context.model, {m.pp, m.vp, m.first_stage_layers, m.last_stage_layers});
  if (!layout) {
    e.infeasible = Infeasible::does_not_divide;
    return e;
  }
  const std::int64_t replica_batch = std::int64_t{m.dp} * m.micro_batch;
  e.micro_batches = static_cast<int>(context.job.global_batch / replica_batch);
  const BlockCosts costs = block_costs(context, cost_key(m));
  const Basis basis = make_basis(context, m, costs, *layout, e.micro_batches);
  const SyncCost sync = make_sync(context, m, basis);
  const Seconds hop = hop_time(context, m);
  e.pipeline = formula::replay_pipeline({basis.stage_runs, m.vp, e.micro_batches, hop});
  e.parts = finish(context, m, basis, sync, e.pipeline);
  e.step_time = e.parts.total;
  e.memory = peak_memory(context, m, basis, sync);
  if (e.memory.total() > context.kernels.hbm) e.infeasible = Infeasible::does_not_fit;
  split_work(context, m, costs, *layout, basis, sync, e);
  e.tokens =
      static_cast<double>(context.job.global_batch) * static_cast<double>(context.job.seq_len);
  e.hardware_flops = all_flops(context, m, costs, *layout, e.micro_batches);
  add_power(context, m, e);
  return e;
}

}  // namespace tightrope::step
