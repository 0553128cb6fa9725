#include "tightrope/workload/layer_work.h"

#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/workload/layer_builder_internal.h"

namespace tightrope::workload {
namespace {

using enum RecomputeModule;

// The residual stream as a branch sees it: the input kept for the pre-norm, and its normed copy
// kept for the weight gradient of the products that read it.
void add_branch_input(Builder& b, bool attention, std::string_view consumer) {
  const std::int64_t h = b.model.hidden;
  const bool fused_norm = !attention && !b.kind.routed();
  ModuleSet by = norms | layer;
  if (fused_norm) by = by | mlp;
  const bool shared_input = !attention && b.kind.parallel_block;
  if (!shared_input) {
    // The layer's own input stays even in full recompute: the layer restarts from it.
    b.saved({.name = attention ? "layer_input" : "ffn_input",
             .kind = TensorKind::norm_input,
             .shard = Shard::sequence,
             .elements = h,
             .dropped_by = attention ? ModuleSet() : ModuleSet(layer),
             .consumer = consumer});
  }
  if (b.kind.post_norm || (shared_input && b.kind.norms < 2)) return;
  b.norm(attention ? "attention_norm" : "ffn_norm", Shard::sequence, h, by);
  b.saved({.name = attention ? "attention_norm_out" : "ffn_norm_out",
           .kind = TensorKind::gemm_input,
           .shard = Shard::sequence,
           .elements = h,
           .dropped_by = by,
           .consumer = consumer});
}

// What follows a branch: a norm of its output (Gemma, Grok, OLMo 2), the addition, dropout.
void add_branch_output(Builder& b, bool attention) {
  const std::int64_t h = b.model.hidden;
  if (b.kind.norms == 4 || b.kind.post_norm) {
    b.saved({.name = attention ? "attention_branch" : "ffn_branch",
             .kind = TensorKind::norm_input,
             .shard = Shard::sequence,
             .elements = h,
             .dropped_by = layer});
    b.norm(attention ? "attention_post_norm" : "ffn_post_norm", Shard::sequence, h, layer);
  }
  b.mask(attention ? "attention_dropout" : "ffn_dropout");
  if (!b.kind.parallel_block) {
    b.residual(attention ? "attention_residual" : "ffn_residual", 1);
  } else if (!attention) {
    b.residual("block_residual", 2);
  }
}

void add_softmax_projections(Builder& b) {
  const Attention& a = b.kind.attention;
  const std::int64_t h = b.model.hidden;
  const std::int64_t qk = std::int64_t{a.heads + a.kv_heads} * a.qk_head_dim;
  const std::int64_t gate = a.out_gate ? std::int64_t{a.heads} * a.v_head_dim : 0;
  const std::int64_t all = qk + std::int64_t{a.kv_heads} * a.v_head_dim + gate;
  b.gemm({.name = "qkv",
          .in = h,
          .out = all,
          .split = Split::column,
          .role = GemmRole::attention,
          .recomputed_by = qkv | layer});
  if (a.qk_norm || a.qk_norm_full) {
    b.norm("qk_norm", Shard::tensor, qk, qkv | layer);
    b.saved({.name = "qk_before_norm",
             .kind = TensorKind::norm_input,
             .shard = Shard::tensor,
             .elements = qk,
             .dropped_by = qkv | layer});
  }
  if (a.rope) {
    b.pass({.name = "rope",
            .shard = Shard::tensor,
            .reads = qk,
            .writes = qk,
            .backward_reads = qk,
            .backward_writes = qk,
            .recomputed_by = qkv | layer});
  }
  b.saved({.name = "qkv",
           .kind = TensorKind::attention,
           .shard = Shard::tensor,
           .elements = all,
           .dropped_by = qkv | layer});
}

void add_latent_projections(Builder& b) {
  const Attention& a = b.kind.attention;
  const std::int64_t h = b.model.hidden;
  const std::int64_t q = std::int64_t{a.heads} * a.qk_head_dim;
  const std::int64_t v = std::int64_t{a.heads} * a.v_head_dim;
  const std::int64_t nope = std::int64_t{a.heads} * (a.qk_head_dim - a.rope_head_dim);
  const auto latent = [&](std::string_view before, std::string_view after, std::int64_t width,
                          std::string_view consumer) {
    b.norm(after, Shard::sequence, width, mla_up | layer);
    b.saved({.name = before,
             .kind = TensorKind::norm_input,
             .shard = Shard::sequence,
             .elements = width,
             .dropped_by = layer});
    b.saved({.name = after,
             .kind = TensorKind::gemm_input,
             .shard = Shard::sequence,
             .elements = width,
             .dropped_by = mla_up | layer,
             .consumer = consumer});
  };
  const auto up = [&](std::string_view name, std::int64_t in, std::int64_t out) {
    b.gemm({.name = name,
            .in = in,
            .out = out,
            .split = Split::column,
            .role = GemmRole::latent,
            .recomputed_by = mla_up | layer});
  };
  if (a.q_lora_rank > 0) {
    b.gemm({.name = "q_down",
            .in = h,
            .out = a.q_lora_rank,
            .split = Split::none,
            .role = GemmRole::latent,
            .recomputed_by = layer});
    latent("q_latent", "q_latent_norm", a.q_lora_rank, "q_up");
    up("q_up", a.q_lora_rank, q);
  } else {
    up("q", h, q);
  }
  b.gemm({.name = "kv_down",
          .in = h,
          .out = a.kv_lora_rank + a.rope_head_dim,
          .split = Split::none,
          .role = GemmRole::latent,
          .recomputed_by = layer});
  latent("kv_latent", "kv_latent_norm", a.kv_lora_rank, "kv_up");
  up("kv_up", a.kv_lora_rank, nope + v);
  b.pass({.name = "mla_rope",
          .shard = Shard::tensor,
          .reads = 2 * q,
          .writes = 2 * q,
          .backward_reads = 2 * q,
          .backward_writes = 2 * q,
          .recomputed_by = mla_up | layer});
  b.saved({.name = "qkv",
           .kind = TensorKind::attention,
           .shard = Shard::tensor,
           .elements = 2 * q + v,
           .dropped_by = mla_up | layer});
}

void add_core(Builder& b) {
  const Attention& a = b.kind.attention;
  const std::int64_t heads = a.heads;
  const ModuleSet by = core_attention | layer;
  b.work.attention = {.heads = a.heads,
                      .kv_heads = a.kind == AttentionKind::latent ? a.heads : a.kv_heads,
                      .qk_dim = a.qk_head_dim,
                      .v_dim = a.v_head_dim,
                      .window = a.window,
                      .chunked = a.chunked,
                      .causal = a.causal,
                      .recomputed_by = by};
  if (b.options.flash_attention) {
    b.saved({.name = "softmax_statistics",
             .kind = TensorKind::statistics,
             .shard = Shard::tensor,
             .elements = heads,
             .dropped_by = by});
  } else {
    const std::int64_t extra = b.options.dropout ? heads : 0;
    b.pass({.name = "scores",
            .shard = Shard::tensor,
            .recomputed_by = by,
            .reads_per_key = 2 * heads + extra,
            .writes_per_key = 2 * heads + extra,
            .backward_reads_per_key = 5 * heads + extra,
            .backward_writes_per_key = 2 * heads + extra});
    b.saved({.name = "softmax",
             .kind = TensorKind::attention,
             .shard = Shard::tensor,
             .elements_per_key = heads,
             .dropped_by = by});
    if (b.options.dropout) {
      b.saved({.name = "softmax_dropout_mask",
               .kind = TensorKind::mask,
               .shard = Shard::tensor,
               .elements_per_key = heads,
               .dropped_by = by});
      b.saved({.name = "softmax_dropout",
               .kind = TensorKind::attention,
               .shard = Shard::tensor,
               .elements_per_key = heads,
               .dropped_by = by});
    }
  }
  const std::int64_t out = heads * a.v_head_dim;
  b.saved({.name = "attention_out",
           .kind = TensorKind::attention,
           .shard = Shard::tensor,
           .elements = out,
           .dropped_by = layer});
  b.gemm({.name = "attention_out",
          .in = out,
          .out = b.model.hidden,
          .split = Split::row,
          .role = GemmRole::attention,
          .recomputed_by = layer});
}

/// One FFN of `width`: dense, shared or one expert.
struct FfnNames {
  std::string_view in, out, act, before, after;
};
constexpr FfnNames dense_names = {"ffn_in", "ffn_out", "ffn_act", "ffn_act_in", "ffn_act_out"};
constexpr FfnNames shared_names = {"shared_in", "shared_out", "shared_act", "shared_act_in",
                                   "shared_act_out"};
constexpr FfnNames expert_names = {"expert_in", "expert_out", "expert_act", "expert_act_in",
                                   "expert_act_out"};

void add_ffn(Builder& b, const FfnNames& names, GemmRole role, std::int64_t width, ModuleSet by) {
  if (width == 0) return;
  const std::int64_t h = b.model.hidden;
  const std::int64_t in = (b.kind.ffn.gated ? 2 : 1) * width;
  const Shard shard = role == GemmRole::expert ? Shard::expert_tensor : Shard::tensor;
  b.gemm({.name = names.in,
          .in = h,
          .out = in,
          .split = Split::column,
          .role = role,
          .recomputed_by = by});
  b.saved({.name = names.before,
           .kind = TensorKind::activation,
           .shard = shard,
           .elements = in,
           .dropped_by = by});
  b.activate(names.act, shard, width, by | activation);
  b.saved({.name = names.after,
           .kind = TensorKind::gemm_input,
           .shard = shard,
           .elements = width,
           .dropped_by = by | activation,
           .consumer = names.out});
  b.gemm({.name = names.out,
          .in = width,
          .out = h,
          .split = Split::row,
          .role = role,
          .recomputed_by = by});
}

void add_routed(Builder& b) {
  const Ffn& f = b.kind.ffn;
  const std::int64_t h = b.model.hidden;
  const ModuleSet by = moe | layer;
  b.gemm({.name = "router",
          .in = h,
          .out = f.experts,
          .split = Split::none,
          .role = GemmRole::router,
          .recomputed_by = by});
  b.pass({.name = "router",
          .shard = Shard::sequence,
          .reads = f.experts,
          .writes = f.experts,
          .backward_reads = f.experts,
          .backward_writes = f.experts,
          .recomputed_by = by});
  b.saved({.name = "router_probabilities",
           .kind = TensorKind::router,
           .shard = Shard::sequence,
           .elements = f.experts,
           .dropped_by = by});
  const auto permute = [&](std::string_view name) {
    b.pass({.name = name,
            .shard = Shard::expert_tokens,
            .reads = h,
            .writes = h,
            .backward_reads = h,
            .backward_writes = h,
            .recomputed_by = by});
  };
  permute("dispatch");
  b.saved({.name = "expert_input",
           .kind = TensorKind::gemm_input,
           .shard = Shard::expert_tokens,
           .elements = h,
           .dropped_by = by,
           .consumer = "expert_in"});
  add_ffn(b, expert_names, GemmRole::expert, f.expert_hidden, by);
  permute("combine");
  if (f.shared_gate) {
    b.gemm({.name = "shared_gate",
            .in = h,
            .out = 1,
            .split = Split::none,
            .role = GemmRole::router,
            .recomputed_by = by});
  }
  add_ffn(b, shared_names, GemmRole::shared, f.shared_hidden, by | shared_experts);
}

void add_attention(Builder& b) {
  const bool latent = b.kind.attention.kind == AttentionKind::latent;
  add_branch_input(b, true, latent ? "kv_down" : "qkv");
  if (latent) {
    add_latent_projections(b);
  } else {
    add_softmax_projections(b);
  }
  add_core(b);
  add_branch_output(b, true);
}

}  // namespace

LayerWork layer_work(const Model& model, const LayerKind& kind, const WorkOptions& options) {
  TR_CHECK(model.hidden > 0 && (kind.attends() || kind.mixes() || kind.feeds()), kind.name);
  Builder b{model, kind, options, {}};
  if (kind.attends()) add_attention(b);
  if (kind.mixes()) {
    add_branch_input(b, true, "mixer_in");
    add_mixer(b);
    add_branch_output(b, true);
  }
  if (kind.feeds()) {
    const bool alone = !kind.attends() && !kind.mixes();
    add_branch_input(b, alone, kind.routed() ? "router" : "ffn_in");
    if (kind.routed()) {
      add_routed(b);
    } else {
      add_ffn(b, dense_names, GemmRole::ffn, kind.ffn.hidden, mlp | layer);
    }
    add_branch_output(b, alone);
  }
  return std::move(b.work);
}

LayerWork embedding_work(const Model& model, const WorkOptions& options) {
  const LayerKind& first = model.kinds.front();
  Builder b{model, first, options, {}};
  const std::int64_t h = model.hidden;
  const std::int64_t tables = model.learned_positions ? 2 : 1;
  b.pass({.name = "embedding",
          .shard = Shard::sequence,
          .reads = tables * h,
          .writes = h,
          .backward_reads = h,
          .backward_writes = tables * h,
          .recomputed_by = {}});
  if (model.embedding_norm) {
    b.norm("embedding_norm", Shard::sequence, h, {});
    b.saved({.name = "embedding_norm_in",
             .kind = TensorKind::norm_input,
             .shard = Shard::sequence,
             .elements = h});
  }
  if (options.dropout) {
    b.saved({.name = "embedding_dropout",
             .kind = TensorKind::mask,
             .shard = Shard::sequence,
             .elements = h});
  }
  return std::move(b.work);
}

LayerWork head_work(const Model& model) {
  const WorkOptions options;
  Builder b{model, model.kinds.back(), options, {}};
  const std::int64_t h = model.hidden;
  const std::int64_t v = model.vocab;
  b.norm("final_norm", Shard::sequence, h, {});
  b.saved({.name = "final_norm_in",
           .kind = TensorKind::norm_input,
           .shard = Shard::sequence,
           .elements = h});
  b.saved({.name = "head_in",
           .kind = TensorKind::gemm_input,
           .shard = Shard::sequence,
           .elements = h,
           .consumer = "head"});
  b.gemm({.name = "head",
          .in = h,
          .out = v,
          .split = Split::column,
          .role = GemmRole::head,
          .recomputed_by = {}});
  b.pass({.name = "loss",
          .shard = Shard::tensor,
          .reads = 2 * v,
          .writes = v,
          .backward_reads = v,
          .backward_writes = v,
          .recomputed_by = {}});
  b.saved({.name = "logits", .kind = TensorKind::logits, .shard = Shard::tensor, .elements = v});
  return std::move(b.work);
}

LayerWork mtp_work(const Model& model) {
  const WorkOptions options;
  Builder b{model, model.kinds.back(), options, {}};
  const std::int64_t h = model.hidden;
  b.norm("mtp_hidden_norm", Shard::sequence, h, {});
  b.norm("mtp_embedding_norm", Shard::sequence, h, {});
  b.saved({.name = "mtp_inputs",
           .kind = TensorKind::norm_input,
           .shard = Shard::sequence,
           .elements = 2 * h});
  b.saved({.name = "mtp_projection_in",
           .kind = TensorKind::gemm_input,
           .shard = Shard::sequence,
           .elements = 2 * h,
           .consumer = "mtp_projection"});
  b.gemm({.name = "mtp_projection",
          .in = 2 * h,
          .out = h,
          .split = Split::column,
          .role = GemmRole::head,
          .recomputed_by = {}});
  return std::move(b.work);
}

}  // namespace tightrope::workload
