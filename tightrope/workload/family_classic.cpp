// Decoders of the GPT line: LayerNorm, biases, plain FFN; GPT-2, GPT-NeoX, BLOOM, Falcon, MPT, Phi.
#include <fmt/format.h>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

Model repeat(Frame frame) {
  for (int i = 0; i < frame.layer_count; ++i) add_layer(frame.model, frame.kind);
  return std::move(frame.model);
}

Model read_gpt2(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family,
                       {.hidden = "n_embd",
                        .layers = "n_layer",
                        .heads = "n_head",
                        .kv_heads = "n_head_kv",
                        .vocab = "vocab_size",
                        .positions = c.first_of({"n_positions", "n_ctx"})});
  f.kind.ffn.hidden = c.integer_or("n_inner", 4 * f.model.hidden, width_bounds);
  f.kind.attention.rope = false;
  f.model.learned_positions = true;
  if (f.model.max_positions == 0) {
    c.fail(ErrorCode::unknown_key, "n_positions",
           "'n_positions' is missing, expected a whole number",
           "GPT-2 has one trained row a position");
  }
  return repeat(f);
}

Model read_neox(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.parallel_block = c.flag_or("use_parallel_residual", true);
  f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
  return repeat(f);
}

Model read_bloom(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family,
                       {.hidden = c.first_of({"hidden_size", "n_embed"}),
                        .layers = c.first_of({"n_layer", "num_hidden_layers"}),
                        .heads = c.first_of({"n_head", "num_attention_heads"}),
                        .kv_heads = "num_key_value_heads",
                        .vocab = "vocab_size",
                        .positions = "seq_length"});
  f.kind.ffn.hidden = 4 * f.model.hidden;
  f.kind.attention.rope = false;
  f.model.embedding_norm = true;
  return repeat(f);
}

// Falcon's attention is multi-head, multi-query (7B) or grouped (new decoder: 40B, 180B).
Model read_falcon(const ConfigObject& c, const Family& family) {
  const bool wide = c.flag_or("new_decoder_architecture", family.model_type == "RefinedWeb");
  const bool parallel = c.flag_or("parallel_attn", true);
  const bool multi_query = c.flag_or("multi_query", true);
  const bool bias = c.flag_or("bias", false);
  Frame f = read_frame(c, family,
                       {.hidden = "hidden_size",
                        .layers = c.first_of({"num_hidden_layers", "n_layer"}),
                        .heads = c.first_of({"num_attention_heads", "n_head"}),
                        .kv_heads = "",
                        .vocab = "vocab_size",
                        .positions = "max_position_embeddings"});
  Attention& a = f.kind.attention;
  if (wide) {
    const std::string_view key = c.first_of({"num_kv_heads", "n_head_kv"});
    a.kv_heads = static_cast<int>(c.integer_or(key, a.heads, head_bounds));
    if (a.heads % a.kv_heads != 0) {
      c.fail(ErrorCode::conflict, key,
             fmt::format("{} {} do not divide the {} query heads", key, a.kv_heads, a.heads),
             "every key-value head serves the same number of query heads");
    }
  } else if (multi_query) {
    a.kv_heads = 1;
  }
  a.qkv_bias = bias;
  a.out_bias = bias;
  a.rope = !c.flag_or("alibi", false);
  f.kind.ffn.bias = bias;
  f.kind.ffn.hidden = c.integer_or("ffn_hidden_size", 4 * f.model.hidden, width_bounds);
  const auto parallel_norms = c.integer_or("num_ln_in_parallel_attn", wide ? 2 : 1, {1, 2});
  f.kind.parallel_block = wide || parallel;
  f.kind.norms = f.kind.parallel_block ? static_cast<int>(parallel_norms) : 2;
  return repeat(f);
}

Model read_mpt(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family,
                       {.hidden = "d_model",
                        .layers = "n_layers",
                        .heads = "n_heads",
                        .kv_heads = "",
                        .vocab = "vocab_size",
                        .positions = "max_seq_len"});
  const bool bias = !c.flag_or("no_bias", true);
  bool alibi = false;
  bool rope = false;
  Attention& a = f.kind.attention;
  if (c.has("attn_config")) {
    const ConfigObject attn = c.object("attn_config");
    alibi = attn.flag_or("alibi", false);
    rope = attn.flag_or("rope", false);
    a.kv_heads = static_cast<int>(attn.integer_or("kv_n_heads", a.heads, head_bounds));
    if (attn.text_or("attn_type", "") == "multiquery_attention") a.kv_heads = 1;
    a.qk_norm_full = attn.flag_or("qk_ln", false);
    if (attn.has("sliding_window_size")) {
      a.window = static_cast<int>(attn.integer("sliding_window_size", {-1, 1 << 28}));
      if (a.window < 0) a.window = 0;
    }
  }
  a.qkv_bias = bias;
  a.out_bias = bias;
  a.rope = rope;
  f.kind.ffn.bias = bias;
  f.kind.norm_bias = bias;
  f.model.final_norm_bias = bias;
  f.kind.ffn.hidden = c.integer_or("expansion_ratio", 4, {1, 64}) * f.model.hidden;
  f.model.learned_positions = c.flag_or("learned_pos_emb", true) && !alibi && !rope;
  if (f.model.learned_positions && f.model.max_positions == 0) {
    c.fail(ErrorCode::unknown_key, "max_seq_len",
           "'max_seq_len' is missing, expected a whole number",
           "without ALiBi, MPT has one trained row a position");
  }
  return repeat(f);
}

Model read_phi(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
  f.model.head_bias = true;
  if (c.flag_or("qk_layernorm", false)) {
    refuse(c, "qk_layernorm", "Phi with qk_layernorm is not modelled", "set qk_layernorm to false");
  }
  return repeat(f);
}

constexpr Family gpt_line(std::string_view model_type, std::string_view architecture,
                          FamilyReader read) {
  Family f;
  f.model_type = model_type;
  f.architecture = architecture;
  f.read = read;
  f.gated = false;
  f.norm_bias = f.qkv_bias = f.out_bias = f.ffn_bias = true;
  return f;
}

constexpr Family tied(Family f) {
  f.tied = true;
  return f;
}

constexpr Family parallel(Family f) {
  f.parallel_block = true;
  f.norms = 1;
  return f;
}

}  // namespace

const std::vector<Family>& classic_families() {
  static const std::vector<Family> families = {
      tied(gpt_line("gpt2", "GPT2LMHeadModel", read_gpt2)),
      gpt_line("gpt_neox", "GPTNeoXForCausalLM", read_neox),
      tied(gpt_line("bloom", "BloomForCausalLM", read_bloom)),
      tied(gpt_line("falcon", "FalconForCausalLM", read_falcon)),
      tied(gpt_line("RefinedWeb", "RWForCausalLM", read_falcon)),
      tied(gpt_line("RefinedWebModel", "RWForCausalLM", read_falcon)),
      tied(gpt_line("mpt", "MPTForCausalLM", read_mpt)),
      parallel(gpt_line("phi", "PhiForCausalLM", read_phi)),
  };
  return families;
}

}  // namespace tightrope::workload
