#include "tightrope/workload/hf_config.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

/// Model types that are understood well enough to say why they are refused.
struct Refused {
  std::string_view model_type, why;
};

constexpr std::string_view state_space = "state-space layers (Mamba) are not modelled";
constexpr std::string_view hybrid = "hybrids of attention and state-space layers are not modelled";
constexpr std::string_view linear = "linear attention layers are not modelled";
constexpr std::string_view sparse = "sparse attention with an indexer is not modelled";
constexpr std::string_view two_part = "encoder-decoder models are not modelled";
constexpr std::string_view encoder = "encoder-only models are not modelled";
constexpr std::string_view vision = "vision-language models of this family are not modelled";
constexpr std::string_view matformer = "per-layer embeddings and shared KV layers are not modelled";

constexpr std::array<Refused, 43> refused = {{
    {"mamba", state_space},
    {"mamba2", state_space},
    {"falcon_mamba", state_space},
    {"rwkv", linear},
    {"jamba", hybrid},
    {"zamba", hybrid},
    {"zamba2", hybrid},
    {"bamba", hybrid},
    {"falcon_h1", hybrid},
    {"granitemoehybrid", hybrid},
    {"recurrent_gemma", hybrid},
    {"qwen3_next", linear},
    {"minimax", linear},
    {"kimi_linear", linear},
    {"deepseek_v32", sparse},
    {"deepseek_v4", sparse},
    {"glm_moe_dsa", sparse},
    {"t5", two_part},
    {"mt5", two_part},
    {"umt5", two_part},
    {"bart", two_part},
    {"mbart", two_part},
    {"pegasus", two_part},
    {"whisper", two_part},
    {"marian", two_part},
    {"bert", encoder},
    {"roberta", encoder},
    {"xlm-roberta", encoder},
    {"distilbert", encoder},
    {"deberta-v2", encoder},
    {"modernbert", encoder},
    {"clip", vision},
    {"siglip", vision},
    {"vit", vision},
    {"llava", vision},
    {"mllama", vision},
    {"idefics2", vision},
    {"qwen2_vl", vision},
    {"qwen2_5_vl", vision},
    {"qwen3_vl", vision},
    {"paligemma", vision},
    {"gemma3n", matformer},
    {"gemma4", matformer},
}};

/// Wrappers that hold a language model under `text_config`, and its type when it does not say.
struct Wrapper {
  std::string_view model_type, architecture, inner;
};
constexpr std::array<Wrapper, 5> wrappers = {{
    {"llama4", "Llama4ForConditionalGeneration", "llama4_text"},
    {"gemma3", "Gemma3ForConditionalGeneration", "gemma3_text"},
    {"mistral3", "Mistral3ForConditionalGeneration", "mistral"},
    {"kimi_k25", "KimiK25ForConditionalGeneration", "kimi_k2"},
    {"qwen3_5_moe", "Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe_text"},
}};

std::vector<const Family*> all_families() {
  std::vector<const Family*> all;
  for (const auto* group : {&dense_families(), &moe_families(), &classic_families(),
                            &hybrid_families(), &delta_families(), &generic_families()}) {
    for (const Family& family : *group) all.push_back(&family);
  }
  return all;
}

const Family* family_of_type(std::string_view model_type) {
  for (const Family* family : all_families()) {
    if (family->model_type == model_type) return family;
  }
  return nullptr;
}

std::string unknown_hint(std::string_view name) {
  const std::string near = nearest(name, known_model_types());
  if (!near.empty()) return fmt::format("did you mean '{}'?", near);
  return fmt::format("known: {}; or write its sizes as a tightrope_decoder",
                     fmt::join(known_model_types(), ", "));
}

// The family a config names, nullptr after recording why there is none.
const Family* find_family(const ConfigObject& c) {
  if (c.flag_or("is_encoder_decoder", false)) {
    refuse(c, "is_encoder_decoder", std::string(two_part), "give a decoder-only model");
    return nullptr;
  }
  if (c.has("model_type")) {
    const std::string type = c.text_or("model_type", "");
    if (const Family* family = family_of_type(type)) return family;
    const auto known = std::ranges::find(refused, type, &Refused::model_type);
    if (std::ranges::count(wrappers, type, &Wrapper::model_type) > 0) {
      c.fail(ErrorCode::unknown_key, "text_config",
             fmt::format("'text_config' is missing, expected the language model of \"{}\"", type),
             "give the whole config.json, or the inner one with its own model_type");
    } else if (known != refused.end()) {
      refuse(c, "model_type", fmt::format("model_type \"{}\": {}", type, known->why),
             "give a decoder-only transformer");
    } else {
      refuse(c, "model_type", fmt::format("model_type \"{}\" is not known", type),
             unknown_hint(type));
    }
    return nullptr;
  }
  const std::vector<std::string> names = c.texts("architectures");
  for (const Family* family : all_families()) {
    if (!names.empty() && family->architecture == names.front()) return family;
  }
  if (names.empty()) {
    c.fail(ErrorCode::unknown_key, "model_type",
           "'model_type' is missing, expected the name of a model family",
           "add \"model_type\": \"llama\" or another of the known ones");
  } else {
    refuse(c, "architectures", fmt::format("architecture \"{}\" is not known", names.front()),
           "give a \"model_type\"; " + unknown_hint(names.front()));
  }
  return nullptr;
}

const Wrapper* wrapper_of(const ConfigObject& c) {
  if (!c.has("text_config")) return nullptr;
  const std::string type = c.text_or("model_type", "");
  const std::vector<std::string> names = c.texts("architectures");
  for (const Wrapper& w : wrappers) {
    if (w.model_type == type) return &w;
    if (type.empty() && !names.empty() && names.front() == w.architecture) return &w;
  }
  return nullptr;
}

std::string name_of(const std::string& file) {
  const std::size_t slash = file.find_last_of('/');
  std::string base = slash == std::string::npos ? file : file.substr(slash + 1);
  if (base == "config.json" && slash != std::string::npos && slash > 0) {
    const std::size_t before = file.find_last_of('/', slash - 1);
    const std::size_t start = before == std::string::npos ? 0 : before + 1;
    return file.substr(start, slash - start);
  }
  if (base.ends_with(".json")) base.resize(base.size() - 5);
  return base;
}

// Each size is in its range, but their product may still not be: 1e17 parameters fit in 64 bits.
void check_total(const ConfigObject& c, const Model& model) {
  const double limit = 1e17;
  double total = static_cast<double>(model.hidden) *
                 (2.0 * static_cast<double>(model.vocab) +
                  static_cast<double>(model.learned_positions ? model.max_positions : 0));
  for (const int index : model.layers) {
    const LayerKind& k = model.kinds[index];
    const double attention =
        3.0 * k.attention.heads * (k.attention.qk_head_dim + k.attention.v_head_dim + 1.0);
    const double latent = static_cast<double>(k.attention.q_lora_rank) + k.attention.kv_lora_rank;
    const double ffn = static_cast<double>(k.ffn.hidden + k.ffn.shared_hidden) +
                       static_cast<double>(k.ffn.expert_hidden) * k.ffn.experts;
    const double hidden = static_cast<double>(model.hidden);
    const auto mixer = static_cast<double>(k.mixer.inner() + k.mixer.channels());
    total += (attention + latent + 3.0 * ffn + 2.0 * mixer) * hidden + latent * attention;
  }
  if (total > limit) {
    c.fail(ErrorCode::range, "",
           fmt::format("the sizes multiply to about {:.1e} parameters, more than {:.0e}", total,
                       limit),
           "check hidden_size, num_hidden_layers and the expert sizes");
  }
}

}  // namespace

std::vector<std::string> known_model_types() {
  std::vector<std::string> names;
  for (const Family* family : all_families()) names.emplace_back(family->model_type);
  for (const Wrapper& w : wrappers) names.emplace_back(w.model_type);
  std::ranges::sort(names);
  return names;
}

Result<Model> read_hf_config(std::string_view text, const std::string& file) {
  TR_TRY(const ConfigObject root, ConfigObject::parse(text, file));
  const Wrapper* wrapper = wrapper_of(root);
  const ConfigObject config = wrapper != nullptr ? root.object("text_config") : root;
  const Family* family = nullptr;
  if (wrapper != nullptr && !config.has("model_type")) {
    family = family_of_type(wrapper->inner);
  } else {
    family = find_family(config);
  }
  if (root.failed()) return Failure(root.error());
  Model model = family->read(config, *family);
  if (!root.failed()) check_total(root, model);
  if (root.failed()) return Failure(root.error());
  model.name = name_of(file);
  model.family = std::string(family->model_type);
  if (wrapper != nullptr) {
    model.notes.emplace_back("the vision tower is left out: only text_config is modelled");
  }
  return model;
}

}  // namespace tightrope::workload
