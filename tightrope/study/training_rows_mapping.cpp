// How a row's words say the model was split over ranks and run.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study::rows_internal {
namespace {

using step::Mapping;
using step::Sharding;
using step::TpComm;
using step::TpOverlap;
using workload::ModuleSet;
using workload::RecomputeModule;

// What frameworks do when a table does not say.
struct Defaults {
  Sharding sharding;
  TpComm tp_comm;
  TpOverlap tp_overlap;
  bool dp_overlap;
};

Defaults defaults_of(Software software, int year) {
  const bool modern = year >= 2023;
  switch (software) {
    case Software::megatron:
      if (!modern) return {Sharding::none, TpComm::all_reduce, TpOverlap::none, false};
      return {Sharding::optimizer, TpComm::sequence_parallel, TpOverlap::ring, true};
    case Software::deepspeed:
      return {Sharding::optimizer, TpComm::all_reduce, TpOverlap::none, false};
    case Software::neuron:
    case Software::internevo:
      return {Sharding::optimizer, TpComm::sequence_parallel, TpOverlap::none, true};
    case Software::jax: return {Sharding::full, TpComm::sequence_parallel, TpOverlap::ring, true};
    case Software::torchtitan:
    case Software::torch_fsdp:
    case Software::llm_foundry: break;
  }
  return {Sharding::full, TpComm::sequence_parallel, TpOverlap::none, true};
}

// Ranks that share states, from "fsdp=64", "over 8", "shard group 64", "over 4 slices"; 0 = all.
int shard_ranks_of(const std::string& words, int dp, int node_ranks) {
  std::optional<double> ranks;
  const auto slices = number_before(words, " slices");
  if (slices && *slices > 1 && !has_any(words, {"dcn fsdp"})) {
    ranks = dp / *slices;
  } else if (has_any(words, {"dcn fsdp"})) {
    return 0;
  } else if (auto group = number_after(words, "shard group ")) {
    ranks = group;
  } else if (auto over = number_after(words, "over ")) {
    ranks = over;
  } else if (auto fsdp = number_after(words, "fsdp="); fsdp && *fsdp > 0) {
    ranks = fsdp;
  } else if (has_any(words, {"hsdp"})) {
    ranks = node_ranks;
  }
  const int shard = ranks ? static_cast<int>(*ranks) : 0;
  return shard > 0 && shard < dp && dp % shard == 0 ? shard : 0;
}

void read_sharding(const std::string& words, const Defaults& defaults, int node_ranks, Mapping& m) {
  m.sharding = defaults.sharding;
  if (has_any(words, {"zero-3", "fsdp", "hsdp", "full_shard", "fully shard"})) {
    m.sharding = Sharding::full;
  } else if (has_any(words, {"zero-2", "shard_grad_op"})) {
    m.sharding = Sharding::gradients;
  } else if (has_any(words, {"zero-1", "distributed optimizer"})) {
    m.sharding = Sharding::optimizer;
  } else if (has_any(words, {"ddp", "plain dp", "no optimizer sharding", "none"})) {
    m.sharding = Sharding::none;
  }
  m.shard_ranks = shard_ranks_of(words, m.dp, node_ranks);
  // FSDP under a pipeline keeps a stage's weights and gradients whole until the step ends.
  if (m.pp > 1 && m.sharding == Sharding::full) m.sharding = Sharding::optimizer;
}

ModuleSet named_modules(const std::string& list) {
  ModuleSet set;
  std::string word;
  for (const char c : list + "+") {
    if (c != '+' && c != ',' && c != ' ') {
      word += c;
      continue;
    }
    if (const auto m = workload::recompute_module_from(word)) set = set | ModuleSet(*m);
    word.clear();
  }
  return set;
}

// "none", "full", "full, 1 layers", "selective ...", remat policies; empty = the framework's way.
void read_recompute(const std::string& words, const workload::Model& model, Software software,
                    Mapping& m) {
  const ModuleSet layer(RecomputeModule::layer);
  const bool fsdp_selective = software == Software::torchtitan ||
                              software == Software::torch_fsdp || software == Software::llm_foundry;
  if (words.empty()) {
    if (software == Software::jax) m.recompute = layer;
    return;
  }
  if (words.starts_with("none")) return;
  if (const auto list = words.find("modules:"); list != std::string::npos) {
    m.recompute = named_modules(words.substr(list + 8));
  } else if (has_any(words, {"qkv_proj_offloaded"})) {
    m.recompute = RecomputeModule::norms | RecomputeModule::core_attention |
                  RecomputeModule::activation | RecomputeModule::mlp;
    m.offload_activations = true;
  } else if (has_any(words, {"selective"})) {
    m.recompute = ModuleSet(RecomputeModule::core_attention);
    if (fsdp_selective) {
      m.recompute = layer;
      m.recompute_layers = selective_layers(model, m, software);
    }
  } else if (has_any(words, {"full", "remat", "activation checkpointing"})) {
    m.recompute = layer;
    const auto count = number_before(words, " layers");
    if (count && *count > 0) m.recompute_layers = static_cast<int>(*count);
  }
  if (has_any(words, {"offload"})) m.offload_activations = true;
}

bool says_on(const std::string& words, const std::string& key) {
  return has_any(words, {key + "=true", key + "=1"});
}
bool says_off(const std::string& words, const std::string& key) {
  return has_any(words, {key + "=false", key + "=0"});
}

void read_overlap(const std::string& words, const Defaults& defaults, Mapping& m) {
  m.tp_comm = defaults.tp_comm;
  m.tp_overlap = defaults.tp_overlap;
  m.dp_overlap = defaults.dp_overlap;
  if (has_any(words, {"sequence parallel off"}) || says_off(words, "sp")) {
    m.tp_comm = TpComm::all_reduce;
  } else if (has_any(words, {"sequence parallel on", "sequence parallel"}) ||
             says_on(words, "sp")) {
    m.tp_comm = TpComm::sequence_parallel;
  }
  if (says_on(words, "tp_comm_overlap") || has_any(words, {"--tp-comm-overlap", "async"})) {
    m.tp_overlap = TpOverlap::ring;
  } else if (says_off(words, "tp_comm_overlap") || has_any(words, {"vanilla tp", "tp sync"})) {
    m.tp_overlap = TpOverlap::none;
  }
  if (says_on(words, "overlap_grad_reduce") || has_any(words, {"--overlap-grad-reduce"})) {
    m.dp_overlap = true;
  } else if (says_off(words, "overlap_grad_reduce")) {
    m.dp_overlap = false;
  }
  if (has_any(words, {"no comm overlap", "overlap off"})) {
    m.tp_overlap = TpOverlap::none;
    m.dp_overlap = false;
  }
  m.ep_overlap = says_on(words, "moe_a2a_overlap");
  // Graphs of the router alone leave the host the rest of the layer.
  m.graph = has_any(words, {"cuda graph", "full_iteration", "'attn'", "transformer_engine/mlp"});
  const auto offloaded = number_after(words, "cpu_offload_layers=");
  if (offloaded || says_on(words, "act cpu offload")) {
    m.offload_activations = true;
    m.offload_layers = static_cast<int>(offloaded.value_or(0));
  }
}

// Chunks a stage where the table leaves them out: Megatron's users interleave long pipelines.
int assumed_chunks(const TrainingRow& row, const workload::Model& model, const Mapping& m,
                   Software software) {
  const bool says_so = has_any(lower(row.overlap), {"interleaved"});
  if (software == Software::torchtitan && m.pp > 1 && says_so) return 2;
  const bool interleaves = software == Software::megatron && lower(row.task) == "pretrain";
  const std::int64_t micro_batches = row.global_batch / (std::int64_t{m.dp} * m.micro_batch);
  if (!interleaves || m.pp == 1 || micro_batches % m.pp != 0) return 1;
  if (model.layer_count() % m.pp != 0) return 1;
  const int layers = model.layer_count() / m.pp;
  for (const int chunks : {2, 3, 5}) {
    if (layers % chunks == 0) return year_of(row) >= 2023 && layers % 2 == 0 ? layers / 2 : chunks;
  }
  return 1;
}

Result<void> read_micro_batch(const TrainingRow& row, Software software, Mapping& m) {
  const double replica = static_cast<double>(row.global_batch) / m.dp;
  if (replica < 1) {
    return fail(ErrorCode::range, "the batch is smaller than the data-parallel ranks");
  }
  m.micro_batch = std::max(1, static_cast<int>(std::lround(row.micro_batch)));
  if (software == Software::jax) {
    // JAX runs the whole local batch at once unless told to accumulate.
    const double parts = number_after(lower(row.notes), "grad_acc ").value_or(1);
    m.micro_batch = std::max(1, static_cast<int>(replica / parts));
  }
  if (software == Software::torchtitan && m.pp > 1 && row.micro_batch == 0) {
    // Its default: as many micro-batches as stages.
    m.micro_batch = std::max(1, static_cast<int>(replica / m.pp));
  }
  m.micro_batch = std::min(m.micro_batch, static_cast<int>(replica));
  return {};
}

}  // namespace

int layers_a_stage(const workload::Model& model, const Mapping& m) {
  return (model.layer_count() + m.pp - 1) / m.pp;
}

int selective_layers(const workload::Model& model, const Mapping& m, Software software) {
  const int layers = layers_a_stage(model, m);
  // Of a layer's seven products torchtitan keeps the outputs of every second one (q, v, gate or up,
  // down), of attention, and the layer's input: three sevenths of what a layer saves.
  if (software == Software::torchtitan) return (4 * layers + 3) / 7;
  return (layers + 1) / 2;
}

Result<Mapping> mapping_of(const TrainingRow& row, const workload::Model& model,
                           const catalog::Chip& chip, Software software) {
  Mapping m;
  m.tp = row.tp;
  m.pp = row.pp;
  m.cp = row.cp;
  m.ep = row.ep;
  m.etp = row.etp;
  const int ranks = row.accelerators * chip.ranks_per_chip;
  const int inner = m.tp * m.pp * m.cp;
  if (ranks <= 0 || ranks % inner != 0) {
    return fail(ErrorCode::range, "ranks are no multiple of tp x pp x cp");
  }
  m.dp = ranks / inner;
  const Defaults defaults = defaults_of(software, year_of(row));
  TR_TRY_VOID(read_micro_batch(row, software, m));
  m.vp = row.vp > 0 ? row.vp : assumed_chunks(row, model, m, software);
  read_sharding(lower(row.sharding), defaults, 8, m);
  const std::string recompute = lower(row.recompute);
  read_overlap(lower(row.overlap + "; " + recompute), defaults, m);
  const bool noted = recompute.empty() && has_any(lower(row.notes), {"ac selective"});
  read_recompute(noted ? "selective" : recompute, model, software, m);
  return m;
}

}  // namespace tightrope::study::rows_internal
