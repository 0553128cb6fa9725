#include "tightrope/cli/plan_request.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "tightrope/cli/amounts.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/serving_study/simulate.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::cli {
namespace {

// Choices for what was not said.
constexpr std::int64_t usual_sequence = 8192;
constexpr double large_model = 20e9;      // active parameters
constexpr double small_batch = 4194304;   // tokens, below large_model
constexpr double large_batch = 16777216;  // tokens

Result<std::int64_t> whole(const std::string& text, std::string_view option) {
  TR_TRY(const double value, parse_count(text, option));
  if (value != std::floor(value) || value > std::numeric_limits<int>::max()) {
    return fail(ErrorCode::range, fmt::format("{} \"{}\" must be a whole number", option, text));
  }
  return static_cast<std::int64_t>(value);
}

// Sequences near a number of tokens, as a number that many data-parallel sizes divide.
std::int64_t sequences_near(double tokens, std::int64_t seq_len) {
  const double exact = std::max(1.0, tokens / static_cast<double>(seq_len));
  const double unit = std::max(1.0, std::exp2(std::floor(std::log2(exact)) - 3));
  return static_cast<std::int64_t>(std::round(exact / unit) * unit);
}

Result<void> read_sizes(const WorkWords& words, study::PlanRequest& r,
                        std::vector<std::string>& assumed) {
  const workload::Model& model = r.model.model;
  if (words.seq.empty()) {
    r.job.seq_len = usual_sequence;
    if (model.max_positions > 0) r.job.seq_len = std::min(usual_sequence, model.max_positions);
    assumed.push_back(fmt::format("sequence length {} (--seq)", r.job.seq_len));
  } else {
    TR_TRY(r.job.seq_len, whole(words.seq, "--seq"));
  }
  if (!words.batch.empty() && !words.batch_tokens.empty()) {
    return fail(ErrorCode::usage, "--batch and --batch-tokens say the same thing", {},
                "give one of them");
  }
  if (!words.batch.empty()) {
    TR_TRY(r.job.global_batch, whole(words.batch, "--batch"));
    return {};
  }
  double tokens = 0;
  if (words.batch_tokens.empty()) {
    const double active = static_cast<double>(workload::count_parameters(model).active());
    tokens = active >= large_model ? large_batch : small_batch;
  } else {
    TR_TRY(tokens, parse_count(words.batch_tokens, "--batch-tokens"));
  }
  r.job.global_batch = sequences_near(tokens, r.job.seq_len);
  const double got = static_cast<double>(r.job.global_batch * r.job.seq_len);
  if (words.batch_tokens.empty() || got != tokens) {
    assumed.push_back(fmt::format("batch of {} sequences, {:.4g} M tokens (--batch)",
                                  r.job.global_batch, got / 1e6));
  }
  return {};
}

Result<void> read_task(const WorkWords& words, workload::Job& job) {
  const auto task = workload::task_from(words.task);
  if (!task) {
    return fail(ErrorCode::usage, fmt::format("unknown task \"{}\"", words.task), {},
                "choose pretrain, sft or lora");
  }
  job.task = *task;
  if (!words.document.empty()) {
    TR_TRY(job.document_len, whole(words.document, "--document"));
  }
  if (job.task != workload::Task::lora) return {};
  job.lora_rank = words.lora_rank;
  const std::string targets =
      words.lora_targets.empty() ? "qkv,attention_out,ffn_in,ffn_out" : words.lora_targets;
  for (const std::string& name : parse_list(targets)) {
    const auto target = workload::lora_target_from(name);
    if (!target) {
      return fail(ErrorCode::usage, fmt::format("unknown matrix \"{}\" for adapters", name), {},
                  "choose from qkv, q, k, v, attention_out, ffn_in, gate, up, ffn_out");
    }
    job.lora_targets.push_back(*target);
  }
  return {};
}

}  // namespace

Result<study::PlannedModel> read_model(const std::string& config) {
  if (config.empty()) {
    return fail(ErrorCode::usage, "which model?", {},
                "give a config.json, or a bundled name as in `tightrope catalog list llms`");
  }
  auto found = serving_study::find_served_model(config);
  // With a slash it is a path, unless a model's id; the error is that of a file.
  const bool is_path = config.find('/') != std::string::npos;
  if (!found && is_path && found.error().code == ErrorCode::not_found) {
    TR_TRY_VOID(read_file(config));
  }
  return found;
}

Result<study::PlanRequest> read_work(const WorkWords& words, std::vector<std::string>& assumed) {
  study::PlanRequest r;
  TR_TRY(r.model, read_model(words.config));
  if (words.tokens.empty()) {
    return fail(ErrorCode::usage, "how many tokens?", {}, "for example --tokens 15T");
  }
  TR_TRY(const double tokens, parse_count(words.tokens, "--tokens"));
  r.tokens = Tokens(tokens);
  TR_TRY_VOID(read_sizes(words, r, assumed));
  TR_TRY_VOID(read_task(words, r.job));
  r.precisions = parse_list(words.precision);
  r.stack = words.stack;
  if (!words.calibration.empty()) {
    TR_TRY(r.coefficients, study::read_coefficients(words.calibration));
  }
  r.regions = parse_list(words.region);
  if (!words.term.empty()) {
    r.term = study::term_from(words.term);
    if (!r.term) {
      return fail(ErrorCode::usage, fmt::format("unknown term \"{}\"", words.term), {},
                  "choose on_demand, spot, capacity_block, reserved_1y, reserved_3y or purchase");
    }
  }
  return r;
}

}  // namespace tightrope::cli
