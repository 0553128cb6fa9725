#include "tightrope/step/cost.h"

#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/formula/overlap.h"
#include "tightrope/formula/routing.h"
#include "tightrope/step/launches.h"

namespace tightrope::step {
namespace {

using formula::Collective;
using formula::CollectiveTime;
using formula::GemmShape;
using formula::KernelTime;
using workload::Gemm;
using workload::GemmRole;
using workload::Shard;
using workload::Split;

constexpr double half_precision = 2.0;  // bytes of a 16-bit element

// A collective's time alone and what stays visible of it.
struct Traffic {
  Seconds alone{}, visible{};
  std::size_t op = 0;  ///< its place among the noted ones
};

class Accountant {
 public:
  Accountant(const Context& context, const Part& part, const CostKey& key, std::vector<OpTime>* ops)
      : c_(context), part_(part), key_(key), ops_(ops) {
    const double seq = static_cast<double>(c_.job.seq_len);
    tokens_ = key.micro_batch * seq / key.cp;
    const bool sharded = key.tp > 1 && key.tp_comm == TpComm::sequence_parallel;
    sequence_tokens_ = sharded ? tokens_ / key.tp : tokens_;
    skew_ = key.ep > 1 ? c_.tuning.habits.expert_skew : 1.0;
    if (key.capacity_factor > 0) skew_ = key.capacity_factor;
    // Rows a rank's experts see: its expert group's copies, spread over its ranks.
    expert_rows_ = tokens_ / key.tp * key.etp * part.experts_per_token;
    const int domain = key.tp_scaleout ? 1 : c_.fabric.fabric.domain_ranks;
    tp_group_ = topology::group_of(key.tp, 1, domain);
    const int inside = key.tp_scaleout ? 1 : key.tp;
    cp_group_ = topology::group_of(key.cp, inside, c_.fabric.fabric.domain_ranks);
    ep_group_ = topology::group_of(key.ep, key.etp, c_.fabric.fabric.domain_ranks);
    etp_group_ = topology::group_of(key.etp, 1, domain);
  }

  PartCost run() {
    for (const Gemm& g : part_.work.gemms) add_gemm(g);
    if (part_.work.attention.heads > 0) add_attention();
    for (const workload::Pass& p : part_.work.passes) add_pass(p);
    if (part_.experts > 0 && key_.ep > 1) add_dispatch();
    add_kept();
    add_parameters();
    return cost_;
  }

 private:
  bool again(workload::ModuleSet by) const { return by.meets(key_.recompute); }

  void note(std::string_view name, std::string_view kind, Phase phase, Seconds alone,
            Seconds visible, Flops flops = {}, Bytes bytes = {}) {
    if (ops_ == nullptr) return;
    ops_->push_back({.name = name,
                     .kind = kind,
                     .phase = phase,
                     .time = alone,
                     .visible = visible,
                     .flops = flops,
                     .bytes = bytes});
  }

  void launch(Phase phase, double count) {
    (phase == Phase::forward           ? cost_.kernels_forward
     : phase == Phase::backward_weight ? cost_.kernels_weight
                                       : cost_.kernels_backward) += count;
  }

  void kernel(std::string_view name, std::string_view kind, Phase phase, const KernelTime& t,
              double launches = 1) {
    cost_.flops += t.flops;
    cost_.hbm_traffic += t.bytes;
    launch(phase, launches);
    switch (phase) {
      case Phase::forward: cost_.forward += t.time; break;
      case Phase::backward_input: cost_.backward_input += t.time; break;
      case Phase::backward_weight: cost_.backward_weight += t.time; break;
      case Phase::recompute: cost_.recompute += t.time; break;
    }
    note(name, kind, phase, t.time, t.time, t.flops, t.bytes);
  }

  Traffic transfer(std::string_view name, std::string_view kind, Phase phase, Collective what,
                   double bytes, const topology::Group& group, Seconds window, double hidden) {
    const CollectiveTime t = formula::collective({what, Bytes(bytes), group}, c_.fabric);
    const formula::Exposure e = formula::expose({t.time, window, hidden, c_.tuning.habits.steal});
    cost_.scaleup_traffic += t.scaleup_traffic;
    cost_.scaleout_traffic += t.scaleout_traffic;
    if (group.ranks > 1) launch(phase, what == Collective::all_reduce ? 1 : collective_launches);
    if (ops_ != nullptr) {
      ops_->push_back(
          {.name = name,
           .kind = kind,
           .phase = phase,
           .time = t.time,
           .visible = e.exposed,
           .bytes = Bytes(bytes),
           .collective = what,
           .group = group,
           .hidden = hidden * window,
           .experts = &group == &etp_group_,
           .recomputed = kind == "ep" && phase == Phase::forward && dispatched_again()});
    }
    return {t.time, e.exposed, ops_ == nullptr ? 0 : ops_->size() - 1};
  }

  bool dispatched_again() const {
    using workload::RecomputeModule;
    return key_.recompute.meets(RecomputeModule::layer) ||
           key_.recompute.meets(RecomputeModule::moe);
  }

  // A transfer of forward that backward repeats.
  void run_again(const Traffic& t) {
    if (!(t.alone > Seconds(0.0))) return;
    cost_.recompute += t.visible;
    if (ops_ != nullptr) (*ops_)[t.op].recomputed = true;
  }

  // One product as this rank runs it.
  struct Local {
    double rows = 0, in = 0, out = 0, groups = 1;
    DType dtype = DType::bf16;
    bool narrow = false;
  };

  Local local(const Gemm& g) const {
    Local l;
    l.in = static_cast<double>(g.in);
    l.out = static_cast<double>(g.out);
    const bool expert = g.role == GemmRole::expert;
    const int ways = expert ? key_.etp : key_.tp;
    if (g.split == Split::column) l.out /= ways;
    if (g.split == Split::row) l.in /= ways;
    l.rows = g.split == Split::none ? sequence_tokens_ : tokens_;
    if (expert) {
      l.groups = std::max(1.0, part_.experts / key_.ep);
      l.rows = expert_rows_ * skew_ / l.groups;
    }
    const bool linear = g.role != GemmRole::head && g.role != GemmRole::router;
    l.narrow = linear && c_.recipe.quantized;
    l.dtype = l.narrow ? c_.recipe.product
                       : (c_.recipe.product == DType::fp16 ? DType::fp16 : DType::bf16);
    return l;
  }

  GemmShape shape(const Local& l, double m, double n, double k) const {
    GemmShape s;
    s.m = m;
    s.n = n;
    s.k = k;
    s.groups = l.groups;
    s.dtype = l.dtype;
    s.scaling = l.narrow ? c_.recipe.scaling : formula::Scaling::tensor;
    return s;
  }

  // Casting a 16-bit tensor to the narrow format, once along and once across.
  void cast(const Gemm& g, Phase phase, double elements, double calls) {
    const double width = bytes_of(c_.recipe.product);
    const double bytes = c_.tuning.stack.cast_share * elements * (half_precision + 2 * width);
    kernel(g.name, "cast", phase, formula::stream(Bytes(bytes), c_.kernels), calls);
  }

  void add_gemm(const Gemm& g) {
    const Local l = local(g);
    const double rows = l.rows * l.groups;
    const double calls = 1 + grouped_launch * (l.groups - 1);
    const KernelTime forward = formula::gemm(shape(l, l.rows, l.out, l.in), c_.kernels);
    kernel(g.name, "gemm", Phase::forward, forward, calls);
    const KernelTime input = formula::gemm(shape(l, l.rows, l.in, l.out), c_.kernels);
    kernel(g.name, "gemm", Phase::backward_input, input, calls);
    KernelTime weight;
    if (!c_.frozen_base()) {
      GemmShape w = shape(l, l.in, l.out, l.rows);
      w.out_element = c_.recipe.states.gradient;
      w.accumulate = true;
      weight = formula::gemm(w, c_.kernels);
      kernel(g.name, "gemm", Phase::backward_weight, weight, calls);
    }
    if (again(g.recomputed_by)) kernel(g.name, "gemm", Phase::recompute, forward, calls);
    if (l.narrow) {
      cast(g, Phase::forward, rows * l.in, calls);
      cast(g, Phase::backward_input, rows * l.out, calls);
      if (again(g.recomputed_by)) cast(g, Phase::recompute, rows * l.in, calls);
    }
    if (g.split != Split::none) add_tensor_traffic(g, l, forward.time, input.time, weight.time);
  }

  // Column: the input is gathered. Row: partial outputs are summed. Backward mirrors both.
  void add_tensor_traffic(const Gemm& g, const Local& l, Seconds forward, Seconds input,
                          Seconds weight) {
    const bool expert = g.role == GemmRole::expert;
    const topology::Group& group = expert ? etp_group_ : tp_group_;
    if (group.ranks == 1) return;
    const bool column = g.split == Split::column;
    const double rows = l.rows * l.groups;
    const double width = static_cast<double>(column ? g.in : g.out);
    const double gathered = l.narrow ? c_.recipe.gathered : half_precision;
    const bool scatter = expert || key_.tp_comm == TpComm::sequence_parallel;
    // Adapters read the gathered input too, which a product cut into pieces never holds whole.
    const bool pieces = key_.tp_overlap == TpOverlap::ring && !c_.frozen_base();
    const double ring = pieces ? c_.tuning.habits.tp_hidden : 0.0;
    const double beside = key_.tp_overlap == TpOverlap::none ? 0.0 : c_.tuning.habits.bulk_hidden;
    Traffic f, b;
    if (scatter) {
      f = transfer(g.name, "tp", Phase::forward,
                   column ? Collective::all_gather : Collective::reduce_scatter,
                   rows * width * (column ? gathered : half_precision), group, forward, ring);
      b = transfer(g.name, "tp", Phase::backward_input,
                   column ? Collective::reduce_scatter : Collective::all_gather,
                   rows * width * (column ? half_precision : gathered), group, input,
                   column ? beside : ring);
      // The weight gradient needs the gathered input again; it travels beside the input gradient.
      if (column && key_.regather && !c_.frozen_base()) {
        const Traffic r =
            transfer(g.name, "tp", Phase::backward_weight, Collective::all_gather,
                     rows * width * gathered, group, input, c_.tuning.habits.bulk_hidden);
        b.visible += r.visible;
      }
    } else if (column) {
      b = transfer(g.name, "tp", Phase::backward_input, Collective::all_reduce,
                   rows * width * half_precision, group, weight, c_.tuning.habits.bulk_hidden);
    } else {
      f = transfer(g.name, "tp", Phase::forward, Collective::all_reduce,
                   rows * width * half_precision, group, forward, ring);
    }
    cost_.tp_forward += f.visible;
    cost_.tp_backward += b.visible;
    if (again(g.recomputed_by)) run_again(f);
  }

  void add_attention() {
    const workload::AttentionCore& a = part_.work.attention;
    const double length = static_cast<double>(c_.job.attended_len());
    const double documents = static_cast<double>(c_.job.seq_len) / length;
    formula::AttentionShape s;
    s.batch = key_.micro_batch * documents;
    const bool moved = key_.cp > 1 && key_.cp_kind == CpKind::all_to_all;
    s.q_len = length;
    s.kv_len = length;
    s.heads = static_cast<double>(a.heads) / key_.tp / (moved ? key_.cp : 1);
    s.kv_heads = std::max(1.0, static_cast<double>(a.kv_heads) / key_.tp / (moved ? key_.cp : 1));
    s.qk_dim = a.qk_dim;
    s.v_dim = a.v_dim;
    s.causal = a.causal;
    s.window = static_cast<double>(a.window);
    if (key_.cp > 1 && !moved) {
      // Ranks hold an early and a late piece each, so that all see half of the keys on average.
      const bool skips = a.causal && c_.tuning.stack.flash_attention;
      s.q_len = length / key_.cp;
      s.kv_len = skips ? 0.5 * length : length;
      s.causal = false;
    }
    Seconds forward{}, backward{};
    if (c_.tuning.stack.flash_attention) {
      const KernelTime f = formula::attention_forward(s, c_.kernels);
      const KernelTime b = formula::attention_backward(s, c_.kernels);
      kernel("core", "attention", Phase::forward, f);
      kernel("core", "attention", Phase::backward_input, b);
      forward = f.time;
      backward = b.time;
      if (again(a.recomputed_by)) kernel("core", "attention", Phase::recompute, f);
    } else {
      add_unfused_products(s, again(a.recomputed_by));
    }
    if (key_.cp > 1) add_context_traffic(a, forward, backward);
  }

  // Scores and values as two batched products over the whole square; the scores' passes through
  // HBM are in the part's pass list.
  void add_unfused_products(const formula::AttentionShape& a, bool recomputed) {
    const DType dtype = c_.recipe.product == DType::fp16 ? DType::fp16 : DType::bf16;
    auto product = [&](double m, double n, double k) {
      GemmShape s;
      s.m = m;
      s.n = n;
      s.k = k;
      s.groups = a.batch * a.heads;
      s.dtype = dtype;
      return formula::gemm(s, c_.kernels);
    };
    const KernelTime scores = product(a.q_len, a.kv_len, a.qk_dim);
    const KernelTime values = product(a.q_len, a.v_dim, a.kv_len);
    kernel("scores", "attention", Phase::forward, scores);
    kernel("values", "attention", Phase::forward, values);
    kernel("scores", "attention", Phase::backward_input, product(a.q_len, a.qk_dim, a.kv_len));
    kernel("scores", "attention", Phase::backward_input, product(a.kv_len, a.qk_dim, a.q_len));
    kernel("values", "attention", Phase::backward_input, product(a.q_len, a.kv_len, a.v_dim));
    kernel("values", "attention", Phase::backward_input, product(a.kv_len, a.v_dim, a.q_len));
    if (recomputed) {
      kernel("scores", "attention", Phase::recompute, scores);
      kernel("values", "attention", Phase::recompute, values);
    }
  }

  void add_context_traffic(const workload::AttentionCore& a, Seconds forward, Seconds backward) {
    const double kv = std::max(1.0, static_cast<double>(a.kv_heads) / key_.tp) *
                      (a.qk_dim + a.v_dim) * half_precision;
    const bool layer_again = again(a.recomputed_by);
    if (key_.cp_kind == CpKind::ring) {
      // Each rank sees all keys and values; gradients of both travel back.
      const double bytes = tokens_ * key_.cp * kv;
      const Traffic f = transfer("keys_values", "cp", Phase::forward, Collective::all_gather, bytes,
                                 cp_group_, forward, c_.tuning.habits.bulk_hidden);
      const Traffic b = transfer("keys_values", "cp", Phase::backward_input, Collective::all_reduce,
                                 bytes, cp_group_, backward, c_.tuning.habits.bulk_hidden);
      cost_.cp_forward += f.visible;
      cost_.cp_backward += b.visible;
      if (layer_again) run_again(f);
      return;
    }
    const double qo =
        static_cast<double>(a.heads) / key_.tp * (a.qk_dim + a.v_dim) * half_precision;
    const double bytes = tokens_ * (qo + kv);
    const Traffic f = transfer("heads_for_tokens", "cp", Phase::forward, Collective::all_to_all,
                               bytes, cp_group_, {}, 0.0);
    const Traffic b = transfer("heads_for_tokens", "cp", Phase::backward_input,
                               Collective::all_to_all, bytes, cp_group_, {}, 0.0);
    cost_.cp_forward += f.visible;
    cost_.cp_backward += b.visible;
    if (layer_again) run_again(f);
  }

  double elements(Shard shard, double per_token) const {
    switch (shard) {
      case Shard::tensor: return tokens_ * per_token / key_.tp;
      case Shard::sequence: return sequence_tokens_ * per_token;
      case Shard::expert_tokens: return expert_rows_ * skew_ * per_token;
      case Shard::expert_tensor: return expert_rows_ * skew_ * per_token / key_.etp;
    }
    return 0.0;
  }

  void add_pass(const workload::Pass& p) {
    const double keys = static_cast<double>(c_.job.attended_len());
    const double share = c_.tuning.stack.pass_share * half_precision;
    const double f =
        elements(p.shard, static_cast<double>(p.reads + p.writes) +
                              keys * static_cast<double>(p.reads_per_key + p.writes_per_key));
    const double b = elements(p.shard, static_cast<double>(p.backward_reads + p.backward_writes) +
                                           keys * static_cast<double>(p.backward_reads_per_key +
                                                                      p.backward_writes_per_key));
    const auto streamed = [&](double elements_moved) {
      KernelTime t = formula::stream(Bytes(elements_moved * share), c_.kernels);
      if (p.scanned) t.time /= c_.tuning.habits.scan_share;
      return t;
    };
    const KernelTime forward = streamed(f);
    kernel(p.name, "pass", Phase::forward, forward);
    if (b > 0) kernel(p.name, "pass", Phase::backward_input, streamed(b));
    if (again(p.recomputed_by)) kernel(p.name, "pass", Phase::recompute, forward);
  }

  // Copies of a token that leave for `places` when its experts lie there evenly.
  double copies(double places) const {
    if (!c_.tuning.stack.dedup_dispatch) return part_.experts_per_token;
    return formula::places_of_token(
        {places, part_.experts_per_token, part_.expert_groups, part_.groups_per_token});
  }

  // One direction of the exchange. Dispatchers that send a token once to a rank also send it once
  // over the NICs to a domain, where it is passed on; both tiers run at the same time.
  Seconds exchange_experts(std::string_view name, Phase phase, double token_bytes, Seconds window,
                           double hidden) {
    const double rows = tokens_ / key_.tp * key_.etp * skew_ * token_bytes;
    const int domains = ep_group_.ranks / ep_group_.per_domain;
    if (!c_.tuning.stack.dedup_dispatch || domains == 1) {
      return transfer(name, "ep", phase, Collective::all_to_all, rows * copies(key_.ep), ep_group_,
                      window, hidden)
          .visible;
    }
    const int near = ep_group_.per_domain;
    const Seconds far = transfer(name, "ep", phase, Collective::all_to_all, rows * copies(domains),
                                 {domains, 1}, window, hidden)
                            .visible;
    const Traffic inside = transfer(name, "ep", phase, Collective::all_to_all,
                                    rows * copies(key_.ep), {near, near}, window, hidden);
    if (ops_ != nullptr) (*ops_)[inside.op].parallel = true;
    return max(far, inside.visible);
  }

  // Tokens to their experts and back, in both directions of the step.
  void add_dispatch() {
    const double width = static_cast<double>(c_.model.hidden);
    const double out = width * (c_.recipe.quantized ? c_.recipe.dispatched : half_precision);
    const double back = width * half_precision;
    const double hidden = key_.ep_overlap ? c_.tuning.habits.ep_hidden : 0.0;
    const Seconds beside = (cost_.forward + cost_.backward_input + cost_.backward_weight) / 4.0;
    launch(Phase::forward, routing_launches);
    launch(Phase::backward_input, routing_launches);
    const Seconds forward = exchange_experts("dispatch", Phase::forward, out, beside, hidden) +
                            exchange_experts("combine", Phase::forward, back, beside, hidden);
    cost_.ep_forward += forward;
    cost_.ep_backward += exchange_experts("combine", Phase::backward_input, back, beside, hidden) +
                         exchange_experts("dispatch", Phase::backward_input, back, beside, hidden);
    if (dispatched_again()) cost_.recompute += forward;
  }

  double kept_bytes(const workload::SavedTensor& t) const {
    using workload::TensorKind;
    switch (t.kind) {
      case TensorKind::gemm_input: {
        if (c_.frozen_base()) return 0.0;
        const bool narrow = c_.recipe.quantized && !c_.tuning.stack.keeps_wide_inputs &&
                            t.consumer != "head" && t.consumer != "router";
        return narrow ? c_.recipe.kept_input : half_precision;
      }
      case TensorKind::norm_input:
      case TensorKind::attention:
      case TensorKind::activation: return half_precision;
      case TensorKind::mask: return 1.0;
      case TensorKind::statistics:
      case TensorKind::router: return 4.0;
      case TensorKind::logits: return 0.0;  // counted by the loss
    }
    return half_precision;
  }

  void add_kept() {
    using workload::TensorKind;
    const double keys = static_cast<double>(c_.job.attended_len());
    const bool layer = key_.recompute.meets(workload::RecomputeModule::layer);
    const double copies = layer ? c_.tuning.stack.checkpoint_copies : 1.0;
    double ffn = 0, attention = 0;  // gradients of what each holds, in 16 bits
    double scores = 0;  // softmax and dropout hand one gradient on, the one in place of the other
    for (const workload::SavedTensor& t : part_.work.saved) {
      const double per_token =
          static_cast<double>(t.elements) + keys * static_cast<double>(t.elements_per_key);
      const double count = elements(t.shard, per_token);
      double bytes = count * kept_bytes(t);
      const bool inside = t.shard == Shard::tensor || t.shard == Shard::expert_tensor;
      if (t.kind == TensorKind::logits) cost_.logits += count;
      if (t.kind == TensorKind::attention && t.elements_per_key > 0) {
        scores = std::max(scores, count * half_precision);
      } else if (t.kind == TensorKind::attention) {
        attention += count * half_precision;
      }
      if (t.kind == TensorKind::activation || (t.kind == TensorKind::gemm_input && inside)) {
        ffn += count * half_precision;
      }
      const bool whole = !key_.regather && t.kind == workload::TensorKind::gemm_input &&
                         t.shard == Shard::sequence;
      if (whole) bytes *= tokens_ / sequence_tokens_;
      cost_.kept_if_none += Bytes(bytes);
      if (t.kept(key_.recompute)) cost_.kept += copies * Bytes(bytes);
    }
    // A product's input, gathered from the sequence's parts, and its gradient.
    const double width = static_cast<double>(c_.model.hidden);
    const double whole = tokens_ > sequence_tokens_ ? 2 * tokens_ * width * half_precision : 0.0;
    attention += scores;
    if (ffn + attention > 0) cost_.beside = Bytes(std::max(ffn, attention) + whole);
  }

  void add_parameters() {
    for (const Gemm& g : part_.work.gemms) {
      const double weights = static_cast<double>(g.weights());
      if (g.role == GemmRole::expert) {
        cost_.expert_parameters += weights * part_.experts / (key_.ep * key_.etp);
        cost_.distinct_parameters += weights / key_.etp;
      } else {
        const double own = g.split == Split::none ? weights : weights / key_.tp;
        cost_.dense_parameters += own;
        cost_.distinct_parameters += own;
      }
    }
    cost_.dense_parameters += part_.norm_parameters + part_.table_parameters / key_.tp;
  }

  const Context& c_;
  const Part& part_;
  const CostKey& key_;
  std::vector<OpTime>* ops_;
  PartCost cost_;
  double tokens_ = 0, sequence_tokens_ = 0, expert_rows_ = 0, skew_ = 1;
  topology::Group tp_group_, cp_group_, ep_group_, etp_group_;
};

}  // namespace

PartCost part_cost(const Context& context, const Part& part, const CostKey& key,
                   std::vector<OpTime>* ops) {
  TR_CHECK(key.tp >= 1 && key.cp >= 1 && key.ep >= 1 && key.etp >= 1 && key.micro_batch >= 1);
  return Accountant(context, part, key, ops).run();
}

}  // namespace tightrope::step
