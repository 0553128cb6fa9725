#include "tightrope/infer/pricing.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/formula/collectives.h"
#include "tightrope/formula/expert_load.h"
#include "tightrope/formula/expert_product.h"
#include "tightrope/formula/routing.h"

namespace tightrope::infer {
namespace {

using formula::Collective;
using formula::GemmShape;
using formula::KernelTime;
using workload::Gemm;
using workload::GemmRole;
using workload::Shard;
using workload::Split;

constexpr double half_precision = 2.0;
constexpr double typical_chunk = 2048;  // queries at which the attention kernel's ramp is taken
// Estimates, not fitted: MLA's decoding products reach this share of the 16-bit peak (as prefill
// attention does in the kernel tables, 0.58 to 0.74), and a chip without work draws this share of
// what it draws while it waits inside a step.
constexpr double latent_math_share = 0.6;
constexpr double idle_share = 0.5;

void note(std::vector<PricedItem>* items, std::string_view name, std::string_view kind, Seconds t,
          int layers) {
  if (items != nullptr && t.raw() > 0) items->push_back({name, kind, t, layers});
}

bool is_feed(GemmRole role) {
  return role == GemmRole::ffn || role == GemmRole::expert || role == GemmRole::shared;
}

// Passes that engines fold into a neighbour: residuals into norms, rotation into the cache write.
bool folded(std::string_view name) { return name.ends_with("residual") || name.ends_with("rope"); }

// Passes that tables of fused expert layers hold, so that expert_passes() prices them.
bool in_experts(std::string_view name) {
  return name == "router" || name == "dispatch" || name == "combine";
}

// Passes inside the fused expert kernel: bytes, but no launch of their own.
bool fused(Shard shard) { return shard == Shard::expert_tokens || shard == Shard::expert_tensor; }

/// Heads a rank computes: where they do not divide, the fullest rank's.
double rank_heads(int heads, int tp) {
  return std::max(1.0, std::ceil(static_cast<double>(heads) / tp));
}

/// How much wider attention's projections are on a rank that pads heads: queries and, for the one
/// product that makes all three, keys and values kept whole.
double padding(const LayerPart& part, const Gemm& g, int tp) {
  const workload::Attention& a = part.attention;
  if (a.heads == 0 || a.kind == workload::AttentionKind::latent) return 1.0;
  const double queries = rank_heads(a.heads, tp) * tp;
  if (g.name == "attention_out") return queries / a.heads;
  if (g.name != "qkv") return 1.0;
  const double keys = 2.0 * rank_heads(a.kv_heads, tp) * tp;
  return (queries + keys) / (a.heads + 2.0 * a.kv_heads);
}

// What engines launch beside a layer's products and passes, as their sources have it (vLLM, SGLang,
// TensorRT-LLM): rotation, cache write and attention; splits, joins and copies around the latent;
// six copies that split projections, a convolution, gates, two norms, six steps of a scan in chunks
// and its state in and out (SGLang, models/qwen3_next.py and layers/attention/fla/chunk.py of
// 2026); scores, top-k, sort and offsets of routing.
constexpr double attention_launches = 3, latent_launches = 12, scan_launches = 18,
                 routing_launches = 6, other_launches = 2;

double kernels_of(const LayerPart& part, const Numerics& numerics) {
  const bool attends = part.attention.heads > 0;
  double count = attends ? attention_launches : other_launches;
  if (attends && part.attention.kind == workload::AttentionKind::latent) count += latent_launches;
  if (part.mixer.heads > 0) count += scan_launches;
  if (part.experts > 0) count += routing_launches;
  for (const Gemm& g : part.work.gemms) {
    if (g.name == "kv_down") continue;
    const WeightFormat& f = is_feed(g.role) ? numerics.feed : numerics.attention;
    count += f.scaling == formula::Scaling::block && g.role != GemmRole::router ? 2.0 : 1.0;
  }
  for (const workload::Pass& p : part.work.passes) count += folded(p.name) ? 0.0 : 1.0;
  return count;
}

}  // namespace

Pricing::Pricing(const Context& context, const Deployment& deployment)
    : context_(context), deployment_(deployment), kernels_(context.kernels) {
  const Deployment& d = deployment_;
  TR_CHECK(d.tp >= 1 && d.pp >= 1 && d.dp >= 1 && d.ep >= 1 && (d.tp * d.dp) % d.ep == 0, d.tp,
           d.pp, d.dp, d.ep);
  kernels_.launch *= context.engine.kernel_share;
  for (DType t : all_dtypes) {
    kernels_.gemm[t].launch *= context.engine.kernel_share;
    kernels_.gemm_block[t].launch *= context.engine.kernel_share;
  }
  price_attention();
}

Spent Pricing::spent(const KernelTime& t, DType dtype) const {
  if (!(t.time.raw() > 0)) return {};
  formula::KernelUse use{dtype, 0.0, 0.0};
  const double peak = kernels_.peak[dtype].raw() * t.time.raw();
  if (peak > 0) use.math = t.flops.raw() / peak;
  use.memory = t.bytes.raw() / (kernels_.hbm_bandwidth.raw() * t.time.raw());
  return {t.time, max(t.math, t.memory), t.time * dynamic_share(context_.power, use)};
}

Spent Pricing::products(const LayerPart& part, double rows, std::vector<PricedItem>* items) const {
  Spent sum;
  for (const Gemm& g : part.work.gemms) {
    if (g.role == GemmRole::expert) continue;
    GemmShape s;
    s.m = rows;
    s.n = static_cast<double>(g.out) / (g.split == Split::column ? deployment_.tp : 1);
    s.k = static_cast<double>(g.in) / (g.split == Split::row ? deployment_.tp : 1);
    if (context_.engine.copies_heads) {
      (g.split == Split::row ? s.k : s.n) *= padding(part, g, deployment_.tp);
    }
    const bool narrow = g.role != GemmRole::router && g.role != GemmRole::head;
    const bool out = g.name == "attention_out";
    const WeightFormat& f = is_feed(g.role) ? context_.numerics.feed
                            : out           ? context_.numerics.attention_out
                                            : context_.numerics.attention;
    if (narrow) {
      s.dtype = f.product;
      s.scaling = f.scaling;
      s.weight_element = f.weight_bytes;
    }
    const KernelTime kernel = formula::gemm(s, kernels_);
    Spent t = spent(kernel, s.dtype);
    if (narrow) {
      t.time += max(kernel.math * context_.engine.dense_math, kernel.memory) -
                max(kernel.math, kernel.memory);
    }
    // The latents' two down projections are one product in every engine.
    if (g.name == "kv_down") t.time = max(t.time - kernels_.launch, Seconds(0.0));
    note(items, g.name, "gemm", t.time, part.layers);
    sum += t;
    if (narrow) sum += cast(f, rows * s.k, part.layers, items);
  }
  return sum;
}

// Scales a block need a pass over the input before the product; others are folded into the norm.
Spent Pricing::cast(const WeightFormat& f, double elements, int layers,
                    std::vector<PricedItem>* items) const {
  if (f.scaling != formula::Scaling::block) return {};
  const double bytes = elements * (half_precision + bytes_of(f.product));
  const Spent t =
      spent(formula::stream(Bytes(bytes), kernels_), DType::bf16) * context_.engine.cast_share;
  note(items, "cast", "pass", t.time, layers);
  return t;
}

Spent Pricing::experts(const LayerPart& part, double tokens, std::vector<PricedItem>* items) const {
  if (part.experts <= 0) return {};
  const double ep = deployment_.ep, etp = deployment_.etp();
  const formula::ExpertSpread spread = formula::expert_spread(
      {part.experts, part.experts_per_token, tokens, ep, context_.expert_skew,
       context_.expert_slots, context_.experts_balanced});
  const double groups = spread.read;
  const double rows = tokens * part.experts_per_token / ep * spread.busiest;
  const WeightFormat& f = context_.numerics.feed;
  Spent sum;
  for (const Gemm& g : part.work.gemms) {
    if (g.role != GemmRole::expert) continue;
    const formula::ExpertProduct product{
        .experts = groups,
        .rows = std::max(1.0, rows / groups),
        .held = spread.held,
        .n = static_cast<double>(g.out) / (g.split == Split::column ? etp : 1),
        .k = static_cast<double>(g.in) / (g.split == Split::row ? etp : 1),
        .dtype = f.product,
        .format = f.experts,
        .weight_bytes = f.weight_bytes};
    const Spent t =
        spent(formula::expert_product(product, kernels_), f.product) * context_.engine.expert_share;
    note(items, g.name, "gemm", t.time, part.layers);
    sum += t;
  }
  return sum + expert_passes(part, tokens, rows, items);
}

// What the fused kernels do beside products: routing, quantising and sorting the tokens that a
// rank's experts choose from (all where attention is cut by heads, those that were sent to it where
// sequences are spread), and gathering and adding up `rows` that they chose.
Spent Pricing::expert_passes(const LayerPart& part, double tokens, double rows,
                             std::vector<PricedItem>* items) const {
  const double ep = deployment_.ep;
  const double share = deployment_.dp > 1
                           ? formula::places_of_token({ep, part.experts_per_token, 0.0, 0.0}) / ep
                           : 1.0;
  const formula::ExpertCoefficients& c = kernels_.experts[context_.numerics.feed.experts];
  const double elements = (c.token_passes * tokens * share + c.routed_passes * rows) *
                          static_cast<double>(context_.model.hidden);
  if (!(elements > 0)) return {};
  Spent t = spent(formula::stream(Bytes(elements * half_precision), kernels_), DType::bf16);
  t.time = max(t.time - kernels_.launch, Seconds(0.0));  // that is in the products' own
  t = t * context_.engine.expert_share;
  note(items, "expert_rows", "pass", t.time, part.layers);
  return t;
}

Spent Pricing::passes(const LayerPart& part, Batch batch, std::vector<PricedItem>* items) const {
  const auto [tokens, rows] = batch;
  Spent sum;
  for (const workload::Pass& p : part.work.passes) {
    if (folded(p.name) || in_experts(p.name)) continue;
    double elements = static_cast<double>(p.reads + p.writes);
    switch (p.shard) {
      case Shard::tensor: elements *= rows / deployment_.tp; break;
      case Shard::sequence: elements *= rows; break;
      case Shard::expert_tokens:
        elements *= tokens * part.experts_per_token / deployment_.ep;
        break;
      case Shard::expert_tensor:
        elements *= tokens * part.experts_per_token / (deployment_.tp * deployment_.dp);
        break;
    }
    Spent t = spent(formula::stream(Bytes(elements * half_precision), kernels_), DType::bf16);
    if (fused(p.shard)) t.time = max(t.time - kernels_.launch, Seconds(0.0));
    note(items, p.name, "pass", t.time, part.layers);
    sum += t;
  }
  return sum;
}

Spent Pricing::links(const LayerPart& part, double rows, std::vector<PricedItem>* items) const {
  const auto hidden = static_cast<double>(context_.model.hidden);
  const int domain = context_.fabric.fabric.domain_ranks;
  Spent sum;
  const auto add = [&](std::string_view name, Collective kind, double bytes, int ranks, int stride,
                       double fixed_us) {
    const topology::Group group = topology::group_of(ranks, stride, domain);
    const formula::CollectiveTime t =
        formula::collective({kind, Bytes(bytes), group}, context_.fabric);
    // Engines bring their own kernels for small messages inside a domain; beyond it NCCL's hold.
    const bool inside = group.ranks == group.per_domain;
    const Seconds whole =
        inside ? max(t.time - t.latency, Seconds(0.0)) *
                         (kind == Collective::all_reduce ? context_.habits.reduce_stretch : 1.0) +
                     Seconds(fixed_us * 1e-6)
               : t.time;
    note(items, name, "link", whole, part.layers);
    sum += {whole, Seconds(0.0)};
  };
  const int tp = deployment_.tp;
  const bool attends = part.attention.heads > 0 || part.mixer.heads > 0;
  const bool feeds = std::any_of(part.work.gemms.begin(), part.work.gemms.end(),
                                 [](const Gemm& g) { return is_feed(g.role); });
  if (tp > 1 && attends) {
    add("reduce", Collective::all_reduce, rows * hidden * half_precision, tp, 1,
        context_.habits.reduce_us);
  }
  if (part.experts > 0 && deployment_.dp > 1) {
    const int ranks = tp * deployment_.dp;
    const double places =
        formula::places_of_token({static_cast<double>(ranks), part.experts_per_token, 0.0, 0.0});
    const double width = bytes_of(context_.numerics.feed.product);
    add("dispatch", Collective::all_to_all, rows / tp * places * hidden * width, ranks, 1,
        context_.habits.peer_us);
    add("combine", Collective::all_to_all, rows / tp * places * hidden * half_precision, ranks, 1,
        context_.habits.peer_us);
  } else if (tp > 1 && feeds) {
    add("reduce", Collective::all_reduce, rows * hidden * half_precision, tp, 1,
        context_.habits.reduce_us);
  }
  return sum;
}

Spent Pricing::layer(const LayerPart& part, Batch batch, std::vector<PricedItem>* items) const {
  Spent sum = products(part, batch.rows, items);
  sum += experts(part, batch.tokens, items);
  sum += passes(part, batch, items);
  sum += links(part, batch.rows, items);
  if (part.attention.heads > 0) {
    const Seconds fixed(context_.habits.decode_kernel_us * 1e-6 * context_.engine.kernel_share);
    note(items, "attention", "attention", fixed, part.layers);
    sum += {fixed, Seconds(0.0)};
  }
  return sum;
}

Spent Pricing::tokens(double tokens, std::vector<PricedItem>* items) const {
  if (!(tokens > 0)) return {};
  if (items == nullptr && !token_table_.empty()) return token_table_.at(tokens);
  return iteration(tokens, tokens / deployment_.dp, items);
}

Spent Pricing::tokens_apart(double tokens, double fullest) const {
  if (!(tokens > 0)) return {};
  if (fullest * deployment_.dp <= tokens) return this->tokens(tokens);
  return iteration(tokens, fullest, nullptr);
}

Spent Pricing::iteration(double tokens, double rows, std::vector<PricedItem>* items) const {
  // With pp stages as many batches are under way; each sequence waits for all stages in turn.
  const double own = std::max(1.0, tokens / deployment_.pp);
  const Batch batch{own, rows * own / tokens};
  Spent sum;
  for (const LayerPart& part : context_.parts) {
    sum += layer(part, batch, items) * static_cast<double>(part.layers);
  }
  if (deployment_.pp > 1) {
    const auto hidden = static_cast<double>(context_.model.hidden);
    const double bytes = batch.rows * hidden * half_precision;
    const int stride = deployment_.tp * deployment_.dp;
    const formula::CollectiveTime hop =
        formula::collective({Collective::send_recv, Bytes(bytes),
                             topology::group_of(2, stride, context_.fabric.fabric.domain_ranks)},
                            context_.fabric);
    sum += {hop.time * static_cast<double>(deployment_.pp), Seconds(0.0)};
  }
  const Seconds host(context_.engine.step_us * 1e-6);
  note(items, "step", "host", host, 1);
  return sum + Spent{host, Seconds(0.0)};
}

Spent Pricing::yields(double sequences) const {
  if (!(sequences > 0)) return {};
  if (!yield_table_.empty()) return yield_table_.at(sequences);
  const double own = std::max(1.0, sequences / deployment_.dp);
  const double checked = own * decode_tokens();
  const auto vocab = static_cast<double>(context_.model.vocab) / deployment_.tp;
  const auto logits = [&](double rows) {
    GemmShape s;
    s.m = rows;
    s.n = vocab;
    s.k = static_cast<double>(context_.model.hidden);
    return spent(formula::gemm(s, kernels_), s.dtype) +
           spent(formula::stream(Bytes(rows * vocab * 2 * half_precision), kernels_), DType::bf16);
  };
  Spent sum = logits(checked);
  if (deployment_.tp > 1) sum.time += Seconds(context_.habits.reduce_us * 1e-6);
  sum.time += Seconds(context_.engine.sequence_us * 1e-6 * own);  // each group has its own host
  for (int draft = 0; draft < context_.speculation.drafts; ++draft) {
    sum += layer(context_.parts.back(), {sequences, sequences / deployment_.dp}, nullptr) +
           logits(own);
  }
  return sum;
}

void Pricing::price_attention() {
  const double bandwidth = kernels_.hbm_bandwidth.raw();
  const double peak = std::max(kernels_.peak[DType::bf16].raw(), kernels_.peak[DType::fp16].raw());
  const double groups = static_cast<double>(deployment_.dp) * deployment_.pp;
  const ChipHabits& habits = context_.habits;
  const formula::AttentionCoefficients& forward = kernels_.attention_forward;
  // Attention that is bound by reading, and by arithmetic: at what it reaches of either.
  const auto all = [](double seconds, double draws) {
    return Spent{Seconds(seconds), Seconds(seconds), Seconds(seconds * draws)};
  };
  const auto reads = [&](double share) {
    return dynamic_share(context_.power, {DType::bf16, 0.0, share});
  };
  const double scores = dynamic_share(context_.power, {DType::bf16, forward.peak_share, 0.0});
  for (const LayerPart& part : context_.parts) {
    const workload::Attention& a = part.attention;
    // A state-space layer reads and writes its state once a token.
    const double state = 2 * part.state_elements / deployment_.tp * half_precision;
    attention_.decode += all(part.layers * state / (bandwidth * habits.decode_read_share) / groups,
                             reads(habits.decode_read_share));
    if (a.heads == 0) continue;
    const bool latent = a.kind == workload::AttentionKind::latent;
    const bool copies = context_.engine.copies_heads && !latent;
    const double heads = copies ? rank_heads(a.heads, deployment_.tp)
                                : static_cast<double>(a.heads) / deployment_.tp;
    const double kv_heads = latent ? 1.0
                            : copies
                                ? heads
                                : std::max(1.0, static_cast<double>(a.kv_heads) / deployment_.tp);
    const double elements = latent ? part.kv_elements : part.kv_elements / a.kv_heads * kv_heads;
    const double share = latent ? habits.latent_read_share : habits.decode_read_share;
    const double read = elements * context_.numerics.kv_bytes / (bandwidth * share);
    const double products =
        2.0 * heads * decode_tokens() *
        (latent ? 2.0 * a.kv_lora_rank + a.rope_head_dim : a.qk_head_dim + a.v_head_dim);
    const double key = std::max(read, products / (peak * latent_math_share)) * part.layers / groups;
    const double score = heads * (2.0 * (a.qk_head_dim + a.v_head_dim) + forward.softmax.raw()) *
                         (1.0 + forward.q_half / typical_chunk) / (peak * forward.peak_share) *
                         part.layers / groups;
    attention_.decode += all(kv_heads * habits.decode_head_ns * 1e-9 * part.layers / groups, 0.0);
    const bool windowed = a.window > 0;
    (windowed ? attention_.decode_window_key : attention_.decode_key) += all(key, reads(share));
    (windowed ? attention_.prefill_window_score : attention_.prefill_score) += all(score, scores);
    if (windowed) attention_.window = std::max(attention_.window, a.window);
  }
  // Prefills run outside graphs: the host issues every kernel.
  double kernels = 0;
  for (const LayerPart& part : context_.parts)
    kernels += part.layers * kernels_of(part, context_.numerics);
  const double issue_us = context_.engine.prefill_kernel_us * habits.issue_share;
  attention_.prefill.time += Seconds(issue_us * 1e-6 * kernels);
}

void Pricing::tabulate(double max_tokens, double max_yields) {
  token_table_ = {};
  yield_table_ = {};
  PriceTable by_tokens(max_tokens, [this](double n) { return tokens(n); });
  PriceTable by_yields(max_yields, [this](double n) { return yields(n); });
  token_table_ = std::move(by_tokens);
  yield_table_ = std::move(by_yields);
}

double Pricing::chips() const {
  return static_cast<double>(deployment_.ranks()) / context_.chip.ranks_per_chip;
}

Joules Pricing::energy(Spent s) const {
  const Watts limit = context_.chip.power.value_or(Watts(0.0));
  return chips() *
         (limit * (s.time * context_.power.waiting + s.drawn) + context_.host_share * s.time);
}

formula::IterationTimes iteration_times(const Pricing& pricing, int max_tokens, int max_yields) {
  TR_CHECK(max_tokens >= 2 && max_yields >= 2, max_tokens, max_yields);
  const auto cost = [&](Spent s) {
    return formula::IterationCost{std::llround(s.time.raw() * formula::ticks_per_second),
                                  std::llround(pricing.energy(s).raw() * formula::ticks_per_joule)};
  };
  const auto table = [&](int last, auto&& price) {
    std::vector<formula::IterationCost> out(static_cast<std::size_t>(last) + 1);
    constexpr int exact = 64;
    int from = 0;
    while (from < last) {
      const int to = std::min(last, from < exact ? from + 1 : from + from / 16);
      out[static_cast<std::size_t>(to)] = cost(price(static_cast<double>(to)));
      formula::IterationCost& end = out[static_cast<std::size_t>(to)];
      const formula::IterationCost start = out[static_cast<std::size_t>(from)];
      end.time = std::max(end.time, start.time);
      end.energy = std::max(end.energy, start.energy);
      for (int i = from + 1; i < to; ++i) {
        const std::int64_t n = i - from, of = to - from;
        out[static_cast<std::size_t>(i)] = {start.time + (end.time - start.time) * n / of,
                                            start.energy + (end.energy - start.energy) * n / of};
      }
      from = to;
    }
    return out;
  };
  formula::IterationTimes t;
  t.by_tokens = table(max_tokens, [&](double n) { return pricing.tokens(n); });
  t.by_yields = table(max_yields, [&](double n) { return pricing.yields(n); });
  const AttentionPrices& a = pricing.attention();
  t.decode = cost(a.decode);
  t.decode_key = cost(a.decode_key);
  t.decode_window_key = cost(a.decode_window_key);
  t.prefill = cost(a.prefill);
  t.prefill_score = cost(a.prefill_score);
  t.prefill_window_score = cost(a.prefill_window_score);
  t.window = a.window;
  const Context& c = pricing.context();
  t.idle = pricing.chips() *
           (c.chip.power.value_or(Watts(0.0)) * idle_share * c.power.waiting + c.host_share);
  return t;
}

}  // namespace tightrope::infer
