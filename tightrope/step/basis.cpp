#include "tightrope/step/basis.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "tightrope/core/check.h"

namespace tightrope::step {
namespace {

using formula::Collective;

// Time of a stage that device and host feed together. The later one decides, but kernels differ:
// where both are near, some wait for the device and some for the host (sum of cubes).
Seconds later_of(Seconds device, Seconds host) {
  const double d = device.raw(), h = host.raw();
  return Seconds(std::cbrt(d * d * d + h * h * h));
}

// Sum of a part's share over a stage; `times` layers of it.
struct Adder {
  const Context& context;
  const Mapping& mapping;
  RunBasis& run;
  double host_forward = 0, host_backward = 0, host_weight = 0;  ///< kernels to issue

  void add(const PartCost& c, double times) {
    run.time.forward += times * c.forward_total();
    run.time.backward += times * c.backward_total();
    run.time.weight += times * c.backward_weight;
    run.compute += times * (c.forward + c.backward_input + c.backward_weight + c.recompute);
    run.hbm_traffic += times * c.hbm_traffic;
    run.scaleup_traffic += times * c.scaleup_traffic;
    run.scaleout_traffic += times * c.scaleout_traffic;
    host_forward += times * c.kernels_forward;
    host_backward += times * c.kernels_backward;
    host_weight += times * c.kernels_weight;
    run.kept += times * c.kept;
    run.dense_parameters += times * c.dense_parameters;
    run.expert_parameters += times * c.expert_parameters;
  }

  // Nothing runs faster than the host can issue it, unless it was captured as a device graph.
  void settle() {
    formula::StageTime& t = run.time;
    if (mapping.schedule != Schedule::zero_bubble) {
      t.backward += t.weight;
      t.weight = Seconds(0.0);
      host_backward += host_weight;
      host_weight = 0;
    }
    if (mapping.graph || context.tuning.stack.graphs) return;
    const Seconds issue = context.tuning.stack.host_per_kernel();
    const Seconds before = t.total();
    const bool waits = context.tuning.stack.host_waits;
    auto feed = [&](Seconds device, double kernels) {
      return waits ? device + kernels * issue : later_of(device, kernels * issue);
    };
    t.forward = feed(t.forward, host_forward);
    t.backward = feed(t.backward, host_backward);
    t.weight = feed(t.weight, host_weight);
    run.host = t.total() - before;
  }
};

void add_layers(Adder& adder, const StageLayers& stage, const BlockCosts& costs, int kinds,
                int recompute_layers) {
  int plain_left = recompute_layers > 0 ? stage.total() - recompute_layers : 0;
  RunBasis& run = adder.run;
  for (int k = 0; k < kinds; ++k) {
    const int n = stage.layers[k];
    if (n == 0) continue;
    const int plain = std::clamp(plain_left, 0, n);
    plain_left -= plain;
    if (plain > 0) adder.add(costs.plain[k], plain);
    if (n > plain) adder.add(costs.kinds[k], n - plain);
    const PartCost& c = costs.kinds[k];
    run.layer_kept = max(run.layer_kept, c.kept);
    // What backward rebuilds for one layer at a time.
    const Bytes rebuilt = n > plain ? c.kept_if_none - c.kept : Bytes(0.0);
    // A compiled step frees a tensor after its last use, so that the one makes room for the other.
    const bool compiled = adder.context.tuning.stack.graphs;
    run.working = max(run.working, compiled ? max(rebuilt, c.beside) : rebuilt + c.beside);
    run.distinct_parameters = std::max(run.distinct_parameters, c.distinct_parameters);
    run.layer_parameters = std::max(run.layer_parameters, c.dense_parameters + c.expert_parameters);
  }
}

// The 16-bit logits stay while their caller holds them; the loss makes its own copies of them.
void add_loss(const Context& context, const Mapping& m, const PartCost& head, int micro_batches,
              RunBasis& run) {
  constexpr double logit = 2;  // bytes of a 16-bit element
  const double heads = 1.0 + context.model.mtp_layers;
  const bool all = m.pp > 1 && context.tuning.stack.keeps_outputs;
  run.held = Bytes(heads * (all ? micro_batches : 1) * logit * head.logits);
  run.loss = head.logits * (context.tuning.logit(m.tp > 1) - Bytes(logit));
  run.head_parameters = head.dense_parameters;
  run.distinct_parameters += head.distinct_parameters;
}

// PyTorch's pipelines keep each chunk's output, and a buffer for its gradient, of every
// micro-batch; the last chunk's output is the logits.
void add_messages(const Context& context, const Mapping& m, bool last, int micro_batches,
                  RunBasis& run) {
  if (m.pp == 1 || !context.tuning.stack.keeps_outputs) return;
  const double whole = m.micro_batch * static_cast<double>(context.job.seq_len) / m.cp;
  const double tokens = m.tp_comm == TpComm::sequence_parallel ? whole / m.tp : whole;
  const Bytes message(tokens * static_cast<double>(context.model.hidden) * 2);
  run.held += 2.0 * (m.vp - (last ? 1 : 0)) * micro_batches * message;
}

}  // namespace

const RunBasis& busiest_run(const Basis& basis) {
  TR_CHECK(!basis.runs.empty());
  const RunBasis* busiest = &basis.runs.front();
  for (const RunBasis& run : basis.runs) {
    if (run.time.total() > busiest->time.total()) busiest = &run;
  }
  return *busiest;
}

Seconds hop_time(const Context& context, const Mapping& m) {
  if (m.pp == 1) return Seconds(0.0);
  const double whole = m.micro_batch * static_cast<double>(context.job.seq_len) / m.cp;
  const double tokens = m.p2p_scatter ? whole / m.tp : whole;
  const int inside = (m.tp_scaleout ? 1 : m.tp) * m.cp * (m.dp_scaleout ? 1 : m.dp);
  const double token_bytes = static_cast<double>(context.model.hidden) * 2;
  const bool near = !m.pp_scaleout && 2 * inside <= context.fabric.fabric.domain_ranks;
  const formula::CollectiveCall call{
      Collective::send_recv, Bytes(tokens * token_bytes), {2, near ? 2 : 1}};
  const Seconds sent = formula::collective(call, context.fabric).time;
  // Without sequence parallelism every receiver needs all tokens: scattered pieces are gathered.
  if (!m.p2p_scatter || m.tp_comm == TpComm::sequence_parallel) return sent;
  const int domain = m.tp_scaleout ? 1 : context.fabric.fabric.domain_ranks;
  const formula::CollectiveCall gather{Collective::all_gather, Bytes(whole * token_bytes),
                                       topology::group_of(m.tp, 1, domain)};
  return sent + formula::collective(gather, context.fabric).time;
}

BlockCosts block_costs(const Context& context, const CostKey& key) {
  BlockCosts out;
  CostKey plain = key;
  plain.recompute = {};
  for (std::size_t k = 0; k < context.kinds.size(); ++k) {
    out.kinds[k] = part_cost(context, context.kinds[k], key);
    out.plain[k] =
        key.recompute.empty() ? out.kinds[k] : part_cost(context, context.kinds[k], plain);
  }
  // The ends are never recomputed.
  out.embedding = part_cost(context, context.embedding, plain);
  out.head = part_cost(context, context.head, plain);
  if (context.model.mtp_layers > 0) out.mtp = part_cost(context, context.mtp, plain);
  return out;
}

Basis make_basis(const Context& context, const Mapping& mapping, const BlockCosts& costs,
                 const std::vector<StageLayers>& layout, int micro_batches) {
  Basis basis;
  basis.stages = mapping.pp;
  basis.chunks = mapping.vp;
  basis.micro_batches = micro_batches;
  const int kinds = static_cast<int>(context.kinds.size());
  basis.runs.reserve(layout.size());
  basis.stage_runs.reserve(layout.size());
  for (const StageLayers& stage : layout) {
    RunBasis run;
    run.first = stage.first;
    run.count = stage.count;
    run.in_flight = formula::in_flight({mapping.pp, mapping.vp, micro_batches, stage.first});
    Adder adder{context, mapping, run};
    add_layers(adder, stage, costs, kinds, mapping.recompute_layers);
    if (stage.embedding) adder.add(costs.embedding, 1);
    if (stage.head) {
      adder.add(costs.head, 1);
      if (context.model.mtp_layers > 0) {
        const double n = context.model.mtp_layers;
        adder.add(costs.mtp, n);
        adder.add(costs.kinds[kinds - 1], n);
        adder.add(costs.head, n);
      }
      add_loss(context, mapping, costs.head, micro_batches, run);
      // A tied table that stands on this very stage is one matrix, not two.
      if (context.model.tied_embeddings && stage.embedding) {
        run.dense_parameters -= costs.head.dense_parameters - context.head.norm_parameters;
      }
    }
    add_messages(context, mapping, stage.head, micro_batches, run);
    adder.settle();
    basis.runs.push_back(run);
    basis.stage_runs.push_back({run.time, run.count});
  }
  return basis;
}

namespace {

// Ranks that share one copy of the parameters, and how their states and traffic divide.
struct Sharers {
  topology::Group shard;    ///< share states
  topology::Group replica;  ///< repeat the shards (HSDP)
};

Sharers sharers(int ranks, int stride, int shard_ranks, bool scaleout, int domain) {
  if (scaleout) domain = 1;
  int shard = shard_ranks > 0 ? std::min(shard_ranks, ranks) : ranks;
  while (ranks % shard != 0) --shard;
  return {topology::group_of(shard, stride, domain),
          topology::group_of(ranks / shard, stride * shard, domain)};
}

struct Exchange {
  Seconds reduce{}, gather{};
  Bytes scaleup_traffic{}, scaleout_traffic{};
};

// Parameters that travel in one message: a layer under ZeRO-3, else the stack's gradient bucket.
double bucket_of(const Context& c, const Mapping& m, const RunBasis& run, const Sharers& s) {
  if (m.sharding == Sharding::full) return run.layer_parameters;
  const Stack& stack = c.tuning.stack;
  const double ranks = s.shard.ranks * s.replica.ranks;
  return 1e6 * std::max(stack.bucket_mparams, stack.bucket_mparams_a_rank * ranks);
}

Exchange exchange(const Context& c, const Mapping& m, const RunBasis& stage, double parameters,
                  const Sharers& s, std::vector<SyncOp>* ops = nullptr) {
  Exchange out;
  const double gradient = parameters * c.recipe.gradient_sent;
  const double bucket = bucket_of(c, m, stage, s);
  const double back = m.sharding == Sharding::full || c.tuning.stack.gather_mparams == 0
                          ? bucket
                          : 1e6 * c.tuning.stack.gather_mparams;
  auto run = [&](Collective kind, double bytes, const topology::Group& g) {
    const double size = kind == Collective::all_gather ? back : bucket;
    const double pieces = size > 0 && parameters > size ? parameters / size : 1.0;
    const formula::CollectiveTime t =
        formula::collective({kind, Bytes(bytes / pieces), g}, c.fabric);
    out.scaleup_traffic += pieces * t.scaleup_traffic;
    out.scaleout_traffic += pieces * t.scaleout_traffic;
    if (ops != nullptr && g.ranks > 1 && bytes > 0) {
      SyncOp op{.kind = kind, .size = Bytes(bytes / pieces), .pieces = pieces, .group = g};
      op.gather = kind == Collective::all_gather;
      op.stride = &g == &s.replica ? s.shard.ranks : 1;
      ops->push_back(op);
    }
    return pieces * t.time;
  };
  const topology::Group all{s.shard.ranks * s.replica.ranks,
                            s.shard.per_domain * s.replica.per_domain};
  if (m.sharding == Sharding::none) {
    out.reduce = run(Collective::all_reduce, gradient, all);
    return out;
  }
  if (c.tuning.stack.sharded_all_reduce && m.sharding == Sharding::optimizer) {
    out.reduce = run(Collective::all_reduce, gradient, all);
    out.gather = run(Collective::all_gather, parameters * c.recipe.parameter_sent, s.shard);
    return out;
  }
  out.reduce = run(Collective::reduce_scatter, gradient, s.shard) +
               run(Collective::all_reduce, gradient / s.shard.ranks, s.replica);
  out.gather = run(Collective::all_gather, parameters * c.recipe.parameter_sent, s.shard);
  return out;
}

formula::StateShards shards_of(const Context& c, const Mapping& m, double parameters,
                               double ranks) {
  formula::StateShards s;
  s.parameters = parameters;
  s.bytes = c.recipe.states;
  if (m.sharding >= Sharding::optimizer) s.optimizer_ranks = ranks;
  if (m.sharding >= Sharding::gradients) s.gradient_ranks = ranks;
  if (m.sharding >= Sharding::full) s.weight_ranks = ranks;
  return s;
}

constexpr double three_words = 12;  // bytes: an fp32 master copy and two moments
constexpr double one_byte = 1;

void add_states(const Context& c, const Mapping& m, double parameters, double trained,
                const Sharers& s, RunSync& out) {
  const double ranks = s.shard.ranks;
  const formula::StateShards all = shards_of(c, m, parameters, ranks);
  const formula::StateShards live = shards_of(c, m, trained, ranks);
  // Fully sharded parameters stand in 32 bits, which is the master copy; the 16-bit ones are
  // gathered layers only.
  const bool one_copy =
      m.sharding == Sharding::full && !c.frozen_base() && c.recipe.states.optimizer >= three_words;
  formula::StateShards copies = all;
  // What is never updated needs no copy wider than its products.
  if (c.frozen_base() && c.recipe.quantized) copies.bytes.weight = one_byte;
  if (!one_copy) out.weights += formula::state_memory(copies).weights;
  formula::StateShards buffers = live;
  buffers.bytes.optimizer = c.recipe.optimizer_kept;
  if (m.sharding != Sharding::full) buffers.bytes.gradient = c.recipe.gradient_kept;
  const formula::StateMemory trained_memory = formula::state_memory(buffers);
  out.gradients += trained_memory.gradients;
  out.states += trained_memory.optimizer;
  const Bytes traffic = formula::optimizer_traffic(live);
  const Seconds on_device = formula::stream(traffic, c.kernels).time;
  out.optimizer += on_device;
  const BytesPerSecond host = c.fabric.fabric.host_bandwidth;
  if (host > BytesPerSecond(0.0)) out.optimizer_offloaded += max(on_device, traffic / host);
}

// Ranks that share the dense parameters, and those that share one rank's experts.
struct DataRanks {
  Sharers dense, expert;
};

DataRanks data_ranks(const Context& context, const Mapping& m) {
  const int domain = context.fabric.fabric.domain_ranks;
  const int stride = m.tp_scaleout ? 1 : m.tp;
  const int replicas = m.dp * m.cp;
  const int expert_ranks = std::max(1, m.tp * replicas / (m.ep * m.etp));
  // The ranks that share states hold so many copies of each expert among them.
  const int sharing = m.shard_ranks * m.cp * m.tp;
  const int expert_shard = m.shard_ranks > 0 ? std::max(1, sharing / (m.ep * m.etp)) : 0;
  return {sharers(replicas, stride, m.shard_ranks * m.cp, m.dp_scaleout, domain),
          sharers(expert_ranks, m.ep * m.etp, expert_shard, m.dp_scaleout, domain)};
}

// Parameters of a rank that the step updates.
struct Trained {
  double dense, expert;
};

Trained trained(const Context& context, const Mapping& m, const RunBasis& run) {
  if (!context.frozen_base()) return {run.dense_parameters, run.expert_parameters};
  return {context.adapter_parameters / (m.tp * m.pp), 0};
}

}  // namespace

void make_states(const Context& context, const Mapping& m, const Basis& basis, SyncCost& sync) {
  const DataRanks ranks = data_ranks(context, m);
  sync.runs.resize(basis.runs.size());
  for (std::size_t i = 0; i < basis.runs.size(); ++i) {
    const RunBasis& run = basis.runs[i];
    const Trained live = trained(context, m, run);
    RunSync& out = sync.runs[i];
    out = {};
    add_states(context, m, run.dense_parameters, live.dense, ranks.dense, out);
    add_states(context, m, run.expert_parameters, live.expert, ranks.expert, out);
  }
}

void make_traffic(const Context& context, const Mapping& m, const Basis& basis, SyncCost& sync) {
  const DataRanks ranks = data_ranks(context, m);
  TR_CHECK(sync.runs.size() == basis.runs.size(), sync.runs.size(), basis.runs.size());
  for (std::size_t i = 0; i < basis.runs.size(); ++i) {
    const RunBasis& run = basis.runs[i];
    const Trained live = trained(context, m, run);
    const Exchange d = exchange(context, m, run, live.dense, ranks.dense);
    const Exchange e = exchange(context, m, run, live.expert, ranks.expert);
    RunSync& out = sync.runs[i];
    out.reduce = d.reduce + e.reduce;
    out.gather = d.gather + e.gather;
    if (m.sharding == Sharding::full && context.frozen_base()) {
      out.gather = exchange(context, m, run, run.dense_parameters, ranks.dense).gather;
    }
    out.scaleup_traffic = d.scaleup_traffic + e.scaleup_traffic;
    out.scaleout_traffic = d.scaleout_traffic + e.scaleout_traffic;
  }
}

std::vector<SyncOp> sync_ops(const Context& context, const Mapping& m, const RunBasis& run) {
  const DataRanks ranks = data_ranks(context, m);
  const Trained live = trained(context, m, run);
  std::vector<SyncOp> ops;
  exchange(context, m, run, live.dense, ranks.dense, &ops);
  const std::size_t dense = ops.size();
  exchange(context, m, run, live.expert, ranks.expert, &ops);
  for (std::size_t i = dense; i < ops.size(); ++i) ops[i].experts = true;
  if (m.sharding == Sharding::full && context.frozen_base()) {
    // A frozen base is gathered whole, while only its adapters are reduced.
    std::erase_if(ops, [](const SyncOp& op) { return op.gather; });
    std::vector<SyncOp> all;
    exchange(context, m, run, run.dense_parameters, ranks.dense, &all);
    std::erase_if(all, [](const SyncOp& op) { return !op.gather; });
    ops.insert(ops.end(), all.begin(), all.end());
  }
  return ops;
}

SyncCost make_sync(const Context& context, const Mapping& m, const Basis& basis) {
  SyncCost sync;
  make_states(context, m, basis, sync);
  make_traffic(context, m, basis, sync);
  return sync;
}

}  // namespace tightrope::step
