#include "tightrope/catalog/names.h"
#include "tightrope/serving_study/rows_forms.h"

namespace tightrope::serving_study {

bool holds(std::string_view text, std::string_view piece) {
  return text.find(piece) != std::string_view::npos;
}

std::string model_of(const std::string& path) {
  std::string name = catalog::folded(path);
  for (char& c : name) c = c == ' ' ? '-' : c;
  struct Spelling {
    std::string_view piece, model;
  };
  static constexpr Spelling spellings[] = {
      {"deepseek", "deepseek-v3"},
      {"gpt-oss-120b", "gpt-oss-120b"},
      {"gpt-oss-20b", "gpt-oss-20b"},
      {"llama-3.1-70b", "llama3-70b"},
      {"llama-3.1-8b", "llama3-8b"},
      {"llama3.1-8b", "llama3-8b"},
      {"llama-3-8b", "llama3-8b"},
      {"llama-3-70b", "llama3-70b"},
      {"llama-v3.3-70b", "llama3-70b"},
      {"llama-3.1-405b", "llama3.1-405b"},
      {"llama-2-70b", "llama2-70b"},
      {"llama2-70b", "llama2-70b"},
      {"llama-2-13b", "llama2-13b"},
      {"llama-2-7b", "llama2-7b"},
      {"llama-v4-maverick", "llama4-maverick"},
      {"llama-4-scout", "llama4-scout"},
      {"mistral-7b-instruct-v0.2", "mistral-7b-v0.2"},
      {"mistral-7b", "mistral-7b"},
      {"mixtral-8x7b", "mixtral-8x7b"},
      {"qwen3-32b", "qwen3-32b"},
      {"qwen3-30b-a3b", "qwen3-30b-a3b"},
      {"qwen3-235b", "qwen3-235b-a22b"},
      {"qwen3.5-397b", "qwen3.5-397b-a17b"},
      {"llama-3.3/3.1-70b", "llama3-70b"},
  };
  for (const Spelling& s : spellings) {
    if (holds(name, s.piece)) return std::string(s.model);
  }
  return name;
}

std::string numerics_of(const std::string& gemm, const std::string& experts,
                        const std::string& model) {
  const std::string& format = experts.empty() ? gemm : experts;
  // OpenAI published its weights in MXFP4; the table has one word for both four-bit forms.
  if (holds(model, "gpt-oss")) return "mxfp4";
  // DeepSeek's and Qwen's own fp8 checkpoints carry a scale a block, whatever the column says.
  const bool blocks = holds(model, "deepseek") || holds(model, "qwen3-235b");
  if (format == "fp8_block" || (format == "fp8" && blocks)) return "fp8-block";
  if (format == "fp4") return "nvfp4";
  if (format == "fp8" || format == "nvfp4" || format == "int8") return format;
  return "bf16";
}

}  // namespace tightrope::serving_study
