#include "tightrope/workload/job.h"

#include <algorithm>
#include <array>

#include "tightrope/core/check.h"
#include "tightrope/workload/layer_work.h"

namespace tightrope::workload {
namespace {

struct TargetName {
  LoraTarget target;
  std::string_view name;
};

constexpr std::array<TargetName, 24> target_names = {{
    {LoraTarget::qkv, "qkv"},
    {LoraTarget::q, "q"},
    {LoraTarget::k, "k"},
    {LoraTarget::v, "v"},
    {LoraTarget::attention_out, "attention_out"},
    {LoraTarget::ffn_in, "ffn_in"},
    {LoraTarget::gate, "gate"},
    {LoraTarget::up, "up"},
    {LoraTarget::ffn_out, "ffn_out"},
    {LoraTarget::qkv, "qkv_proj"},
    {LoraTarget::qkv, "linear_qkv"},
    {LoraTarget::q, "q_proj"},
    {LoraTarget::k, "k_proj"},
    {LoraTarget::v, "v_proj"},
    {LoraTarget::attention_out, "o_proj"},
    {LoraTarget::attention_out, "linear_proj"},
    {LoraTarget::ffn_in, "gate_up_proj"},
    {LoraTarget::ffn_in, "linear_fc1"},
    {LoraTarget::gate, "gate_proj"},
    {LoraTarget::up, "up_proj"},
    {LoraTarget::ffn_out, "down_proj"},
    {LoraTarget::ffn_out, "linear_fc2"},
    {LoraTarget::ffn_out, "fc2"},
    {LoraTarget::up, "fc1"},
}};

/// The width a target has in a fused product of `out`, 0 when the target is not in it.
std::int64_t softmax_width(const Attention& a, const Gemm& g, LoraTarget target) {
  const std::int64_t q = std::int64_t{a.heads} * a.qk_head_dim;
  const std::int64_t k = std::int64_t{a.kv_heads} * a.qk_head_dim;
  if (g.name == "qkv") {
    if (target == LoraTarget::qkv) return g.out;
    if (target == LoraTarget::q) return q;
    if (target == LoraTarget::k) return k;
    if (target == LoraTarget::v) return g.out - q - k;
  }
  if (g.name == "attention_out" && target == LoraTarget::attention_out) return g.out;
  return 0;
}

std::int64_t latent_width(const Gemm& g, const std::vector<LoraTarget>& targets) {
  const auto wants = [&](LoraTarget t) { return std::ranges::count(targets, t) > 0; };
  const bool q_side = g.name == "q" || g.name == "q_down" || g.name == "q_up";
  const bool both = wants(LoraTarget::qkv);
  if (q_side && (both || wants(LoraTarget::q))) return g.out;
  const bool kv_side = g.name == "kv_down" || g.name == "kv_up";
  if (kv_side && (both || wants(LoraTarget::k) || wants(LoraTarget::v))) return g.out;
  return 0;
}

std::int64_t ffn_width(const Ffn& f, const Gemm& g, LoraTarget target) {
  const bool in = g.name == "ffn_in" || g.name == "expert_in" || g.name == "shared_in";
  const bool out = g.name == "ffn_out" || g.name == "expert_out" || g.name == "shared_out";
  if (in && target == LoraTarget::ffn_in) return g.out;
  if (in && target == LoraTarget::up) return f.gated ? g.out / 2 : g.out;
  if (in && target == LoraTarget::gate) return f.gated ? g.out / 2 : 0;
  if (out && target == LoraTarget::ffn_out) return g.out;
  return 0;
}

/// Adapter parameters of one layer; `copies`: experts counted (all, or those a token uses).
std::int64_t layer_adapters(const Model& model, const LayerKind& kind, int rank,
                            const std::vector<LoraTarget>& targets, int copies) {
  std::int64_t n = 0;
  for (const Gemm& g : layer_work(model, kind).gemms) {
    const std::int64_t times = g.role == GemmRole::expert ? copies : 1;
    const auto add = [&](std::int64_t width) {
      if (width > 0) n += times * rank * (g.in + width);
    };
    if (g.role == GemmRole::latent) add(latent_width(g, targets));
    for (const LoraTarget target : targets) {
      add(softmax_width(kind.attention, g, target));
      add(ffn_width(kind.ffn, g, target));
    }
  }
  return n;
}

std::int64_t adapters(const Model& model, const Job& job, bool active) {
  std::int64_t n = 0;
  for (const int index : model.layers) {
    const LayerKind& kind = model.kinds[index];
    const int copies = active ? kind.ffn.experts_per_token : kind.ffn.experts;
    n += layer_adapters(model, kind, job.lora_rank, job.lora_targets, copies);
  }
  return n;
}

}  // namespace

std::string_view to_string(Task task) {
  switch (task) {
    case Task::pretrain: return "pretrain";
    case Task::sft: return "sft";
    case Task::lora: return "lora";
  }
  return "?";
}

std::optional<Task> task_from(std::string_view text) {
  for (const Task task : {Task::pretrain, Task::sft, Task::lora}) {
    if (to_string(task) == text) return task;
  }
  return std::nullopt;
}

std::optional<LoraTarget> lora_target_from(std::string_view text) {
  for (const TargetName& t : target_names) {
    if (t.name == text) return t.target;
  }
  return std::nullopt;
}

std::int64_t lora_parameters(const Model& model, int rank, const std::vector<LoraTarget>& targets) {
  TR_CHECK(rank > 0, rank);
  Job job;
  job.lora_rank = rank;
  job.lora_targets = targets;
  return adapters(model, job, false);
}

double job_flops_per_token(const Model& model, const Job& job, FlopConvention convention) {
  TR_CHECK(job.seq_len > 0, job.seq_len);
  const TrainingFlops all = training_flops(model, job.attended_len(), convention);
  if (job.task != Task::lora) return all.products + all.attention;
  // A frozen weight has no gradient of its own: a third of its products falls away.
  const double trained = 6.0 * static_cast<double>(adapters(model, job, true));
  return all.products * 2.0 / 3.0 + all.attention + trained;
}

}  // namespace tightrope::workload
