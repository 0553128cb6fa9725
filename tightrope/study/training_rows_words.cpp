// Stack, precision, job: what a row's words say.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study::rows_internal {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

constexpr int first_year = 2018, last_year = 2035;

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view w) { return text.find(w) != std::string_view::npos; });
}

std::optional<double> number_after(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  const char* begin = text.data() + at + word.size();
  double value = 0;
  const auto read = std::from_chars(begin, text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> number_ending(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0 && (is_digit(text[begin - 1]) || text[begin - 1] == '.')) --begin;
  double value = 0;
  const auto read = std::from_chars(text.data() + begin, text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> number_before(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  return number_ending(text.substr(0, at));
}

int year_of(const TrainingRow& row) {
  const std::string& text = row.release;
  for (std::size_t i = 0; i + 4 <= text.size(); ++i) {
    const bool whole =
        (i == 0 || !is_digit(text[i - 1])) && (i + 4 == text.size() || !is_digit(text[i + 4]));
    int year = 0;
    std::from_chars(text.data() + i, text.data() + i + 4, year);
    if (whole && year >= first_year && year <= last_year) return year;
  }
  // Releases named by year and month: 24.03, v25.04.02.
  for (std::size_t i = 0; i + 5 <= text.size(); ++i) {
    const bool form = is_digit(text[i]) && is_digit(text[i + 1]) && text[i + 2] == '.' &&
                      is_digit(text[i + 3]) && is_digit(text[i + 4]);
    if (!form || (i > 0 && is_digit(text[i - 1]))) continue;
    const int year = 2000 + 10 * (text[i] - '0') + (text[i + 1] - '0');
    if (year >= first_year && year <= last_year) return year;
  }
  return 2024;
}

Software software_of(const TrainingRow& row, const catalog::Chip& chip) {
  if (chip.kind == "trainium") return Software::neuron;
  const std::string words = lower(row.source + " " + row.notes + " " + row.system);
  if (chip.kind == "tpu" || has_any(words, {"maxtext", "axlearn", "jax"})) return Software::jax;
  if (has_any(words, {"torchtitan"})) return Software::torchtitan;
  if (has_any(words, {"mosaic", "llm foundry", "composer"})) return Software::llm_foundry;
  if (has_any(words, {"internevo", "internlm"})) return Software::internevo;
  if (has_any(words, {"bigscience", "deepspeed", "bloom"})) return Software::deepspeed;
  const std::string sharding = lower(row.sharding);
  const bool megatron = has_any(words, {"megatron", "nemo", "mlperf", "nvidia"});
  if (!megatron && has_any(sharding, {"fsdp", "hsdp", "full_shard"})) return Software::torch_fsdp;
  return Software::megatron;
}

namespace {

// Megatron-LM started by its own scripts, without the fusions that NVIDIA's recipes switch on.
bool plain_megatron(const TrainingRow& row) {
  const std::string words = lower(row.source + " " + row.system);
  return has_any(words, {"megatron-lm"}) && !has_any(words, {"nvidia", "nemo", "bridge"});
}

}  // namespace

std::string stack_of(const TrainingRow& row, Software software, const step::TuningTable& table) {
  const int year = year_of(row);
  switch (software) {
    case Software::deepspeed: {
      const bool blocking = has_any(lower(row.overlap + row.notes), {"launch_blocking"});
      return blocking ? "deepspeed-2022-blocking" : "deepspeed-2022";
    }
    case Software::torchtitan:
      return has_any(lower(row.overlap), {"eager"}) ? "torchtitan-eager" : "torchtitan";
    case Software::torch_fsdp: return "fsdp";
    case Software::llm_foundry: return "llm-foundry";
    case Software::internevo: return "internevo";
    case Software::jax: return has_any(lower(row.hardware), {"tpu"}) ? "maxtext" : "jax-gpu";
    case Software::neuron: {
      // Neuron 2.16 (December 2023) changed the compiler's generation.
      const auto minor = number_after(lower(row.release), "neuron 2.");
      const bool old = minor ? *minor < 16 : year <= 2023;
      return old ? "neuron-2023" : "neuron";
    }
    case Software::megatron: break;
  }
  if (year <= 2022) return "megatron-2022";
  if (year >= 2025 && plain_megatron(row)) return "megatron-lm-2026";
  std::string best;
  int best_year = 0, earliest = last_year + 1;
  std::string first;
  for (const step::Stack& s : table.stacks) {
    const auto named = number_after(s.name, "megatron-core-");
    if (!named) continue;
    const int y = static_cast<int>(*named);
    if (y <= year && y > best_year) {
      best_year = y;
      best = s.name;
    }
    if (y < earliest) {
      earliest = y;
      first = s.name;
    }
  }
  return best.empty() ? first : best;
}

double gradient_kept_of(const TrainingRow& row, Software software) {
  const std::string words = lower(row.source + " " + row.system + " " + row.notes);
  const bool plain = has_any(words, {"megatron-lm"}) && !has_any(words, {"nemo", "bridge"});
  if (software == Software::megatron) return plain ? 4.0 : 0.0;
  return 0.0;
}

Result<std::string> precision_of(const TrainingRow& row) {
  const std::string p = lower(row.precision);
  if (has_any(p, {"nvfp4", "fp4"})) return std::string("nvfp4");
  if (has_any(p, {"mxfp8", "fp8-mx"})) return std::string("mxfp8");
  if (has_any(p, {"block", "subchannel", "fp8-sc"})) return std::string("fp8-block");
  if (has_any(p, {"fp8"})) return std::string("fp8");
  if (has_any(p, {"+sr", "stochastic"})) return std::string("bf16-sr");
  if (has_any(p, {"fp32optimizer", "fp32 optimizer"})) return std::string("bf16-fp32-optimizer");
  if (has_any(p, {"bf16"})) return std::string("bf16");
  if (has_any(p, {"fp16", "half"})) return std::string("fp16");
  return fail(ErrorCode::unsupported,
              p.empty() ? "no precision given" : fmt::format("precision \"{}\"", row.precision));
}

workload::Job job_of(const TrainingRow& row) {
  using workload::LoraTarget;
  workload::Job job;
  job.seq_len = row.seq_len;
  job.global_batch = row.global_batch;
  const std::string task = lower(row.task);
  const std::string notes = lower(row.notes);
  if (task == "sft") job.task = workload::Task::sft;
  if (task == "lora" || task == "peft") job.task = workload::Task::lora;
  // SQuAD's documents are short; packed ones do not attend to each other.
  if (job.task != workload::Task::pretrain && has_any(notes, {"squad"})) job.document_len = 256;
  if (job.task == workload::Task::lora) {
    job.lora_rank = static_cast<int>(number_after(notes, "rank ").value_or(16));
    if (has_any(notes, {"on attention"})) {
      job.lora_targets = {LoraTarget::qkv, LoraTarget::attention_out};
    } else if (year_of(row) >= 2025) {
      job.lora_targets = {LoraTarget::qkv, LoraTarget::attention_out, LoraTarget::ffn_in,
                          LoraTarget::ffn_out};
    } else {
      job.lora_targets = {LoraTarget::qkv};
    }
  }
  return job;
}

}  // namespace tightrope::study::rows_internal
