// Dense decoders in the manner of Llama: norm, attention, norm, gated FFN, with small differences.
#include <algorithm>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

Model finish(Frame frame, const std::vector<bool>& local, int window) {
  for (int i = 0; i < frame.layer_count; ++i) {
    const bool slides = window > 0 && local[i];
    add_layer(frame.model, slides ? with_window(frame.kind, window) : frame.kind);
  }
  return std::move(frame.model);
}

Model read_plain(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
  const int window = window_of(c, "sliding_window");
  return finish(f, local_layers(c, family, f.layer_count, true), window);
}

// Qwen 2 and 3 slide only when told to, and then only from one layer on.
Model read_qwen(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
  if (family.qkv_bias) {
    f.kind.attention.qkv_bias = true;
    f.kind.attention.out_bias = false;
  }
  const bool slides = c.flag_or("use_sliding_window", false);
  const auto from = c.integer_or("max_window_layers", f.layer_count, {0, 4096});
  std::vector<bool> local = local_layers(c, family, f.layer_count, false);
  if (!c.has("layer_types")) {
    for (int i = 0; i < f.layer_count; ++i) local[i] = i >= from;
  }
  return finish(f, local, slides ? window_of(c, "sliding_window") : 0);
}

// Gemma 2 and 3 alternate local and global layers and norm the outputs of both branches too.
Model read_gemma(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
  const int window = static_cast<int>(c.integer_or("sliding_window", 4096, {1, 1 << 28}));
  const bool alternates = family.window_period > 0;
  return finish(f, local_layers(c, family, f.layer_count, false), alternates ? window : 0);
}

Model read_cohere(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
  f.kind.attention.qk_norm_full = c.flag_or("use_qk_norm", false);
  const int window = family.window_period > 0 ? window_of(c, "sliding_window") : 0;
  return finish(f, local_layers(c, family, f.layer_count, false), window);
}

// InternLM calls the attention bias `bias`, over q, k, v and the output alike.
Model read_internlm(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
  const bool bias = c.flag_or("bias", family.qkv_bias);
  f.kind.attention.qkv_bias = bias;
  f.kind.attention.out_bias = bias;
  return finish(f, std::vector<bool>(static_cast<std::size_t>(f.layer_count)), 0);
}

std::vector<Family> llama_line() {
  return {
      {.model_type = "llama", .architecture = "LlamaForCausalLM", .read = read_plain},
      {.model_type = "mistral", .architecture = "MistralForCausalLM", .read = read_plain},
      {.model_type = "ministral", .architecture = "MinistralForCausalLM", .read = read_plain},
      {.model_type = "granite", .architecture = "GraniteForCausalLM", .read = read_plain},
      {.model_type = "phi3", .architecture = "Phi3ForCausalLM", .read = read_plain},
      {.model_type = "nemotron",
       .architecture = "NemotronForCausalLM",
       .read = read_plain,
       .gated = false,
       .norm_bias = true},
      {.model_type = "olmo2",
       .architecture = "Olmo2ForCausalLM",
       .read = read_plain,
       .qk_norm_full = true,
       .post_norm = true},
      {.model_type = "olmo3",
       .architecture = "Olmo3ForCausalLM",
       .read = read_plain,
       .qk_norm_full = true,
       .post_norm = true,
       .window_period = 4},
      {.model_type = "qwen2",
       .architecture = "Qwen2ForCausalLM",
       .read = read_qwen,
       .qkv_bias = true},
      {.model_type = "qwen3",
       .architecture = "Qwen3ForCausalLM",
       .read = read_qwen,
       .qk_norm = true},
  };
}

std::vector<Family> other_lines() {
  return {
      {.model_type = "gemma",
       .architecture = "GemmaForCausalLM",
       .read = read_gemma,
       .tied = true,
       .head_dim = 256},
      {.model_type = "gemma2",
       .architecture = "Gemma2ForCausalLM",
       .read = read_gemma,
       .tied = true,
       .norms = 4,
       .window_period = 2,
       .head_dim = 256},
      {.model_type = "gemma3_text",
       .architecture = "Gemma3ForCausalLM",
       .read = read_gemma,
       .qk_norm = true,
       .tied = true,
       .norms = 4,
       .window_period = 6,
       .head_dim = 256,
       .vocab = 262208,
       .heads = 8,
       .kv_heads = 4},
      {.model_type = "cohere",
       .architecture = "CohereForCausalLM",
       .read = read_cohere,
       .parallel_block = true,
       .tied = true,
       .norms = 1},
      {.model_type = "cohere2",
       .architecture = "Cohere2ForCausalLM",
       .read = read_cohere,
       .parallel_block = true,
       .tied = true,
       .norms = 1,
       .window_period = 4},
      {.model_type = "internlm",
       .architecture = "InternLMForCausalLM",
       .read = read_internlm,
       .qkv_bias = true,
       .out_bias = true},
      {.model_type = "internlm2", .architecture = "InternLM2ForCausalLM", .read = read_internlm},
  };
}

}  // namespace

const std::vector<Family>& dense_families() {
  static const std::vector<Family> families = [] {
    std::vector<Family> all = llama_line();
    const std::vector<Family> others = other_lines();
    all.insert(all.end(), others.begin(), others.end());
    return all;
  }();
  return families;
}

}  // namespace tightrope::workload
