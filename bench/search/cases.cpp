#include "bench/search/cases.h"

#include <algorithm>

#include "tightrope/workload/hf_config.h"

namespace tightrope::bench {
namespace {

using workload::ModuleSet;
using workload::RecomputeModule;

int count_divisors(long n) {
  int count = 0;
  for (long d = 1; d <= n; ++d) count += n % d == 0 ? 1 : 0;
  return count;
}

// Ways to exchange tensor-parallel blocks, by Calculon's loops and by ours.
struct Exchanges {
  int listed, distinct, ours;
};

// Calculon lists all-reduce, all-reduce with scattered pipeline messages, and sequence
// parallelism (twice, with and without a second gather, unless the layer is recomputed). Without
// tensor parallelism these are one plan; without a pipeline the first two are.
Exchanges exchanges(int tp, int pp, bool full_recompute) {
  Exchanges e{full_recompute ? 3 : 4, 1, 1};
  if (tp == 1) return e;
  const int reduced = pp > 1 ? 2 : 1;
  e.distinct = reduced + (full_recompute ? 1 : 2);
  e.ours = reduced + 2;
  return e;
}

}  // namespace

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"GPT-3 175B", "gpt3-175b", "gpt3-175B", true},
      {"Megatron 1T", "megatron21-gpt-1008b", "megatron-1T", true},
      {"Turing 530B, no host tier", "mtnlg-530b", "turing-530B", false},
  };
  return list;
}

Result<step::Context> case_context(const Case& which) {
  TR_TRY(const std::string config, catalog::llm_config(which.llm));
  step::ContextRequest request;
  TR_TRY(request.model, workload::read_hf_config(config, which.llm));
  request.job.seq_len = case_sequence;
  request.job.global_batch = case_batch;
  request.precision = "fp16";
  request.stack = "megatron-2022";
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  const catalog::System* system = catalog.find_system("dgx-a100");
  if (system == nullptr) return fail(ErrorCode::not_found, "the catalog lacks dgx-a100");
  return step::make_context(request, *system, catalog, formula::embedded_calibration());
}

search::Space case_space(const Case& which) {
  const std::vector<bool> both{true, false};
  const std::vector<bool> host = which.host_tier ? both : std::vector<bool>{false};
  search::Space space;
  space.max_tp = space.max_pp = space.max_vp = space.max_micro_batch = case_ranks;
  space.ep = {1};
  space.uneven_stages = false;
  space.recompute = {ModuleSet(RecomputeModule::layer), ModuleSet(RecomputeModule::core_attention),
                     ModuleSet()};
  space.sharding = {step::Sharding::optimizer, step::Sharding::none};
  space.tp_comm = {step::TpComm::all_reduce, step::TpComm::sequence_parallel};
  space.tp_overlap = {step::TpOverlap::none, step::TpOverlap::ring, step::TpOverlap::bulk};
  space.regather = space.p2p_scatter = space.dp_overlap = both;
  space.offload_weights = space.offload_activations = space.offload_optimizer = host;
  space.tp_scaleout = space.pp_scaleout = space.dp_scaleout = both;
  return space;
}

PlanCounts count_plans(const Case& which, const workload::Model& model) {
  PlanCounts counts;
  const long layers = model.layer_count();
  const int heads = model.kinds.front().attention.heads;
  for (int tp = 1; tp <= case_ranks; ++tp) {
    if (case_ranks % tp != 0 || heads % tp != 0 || model.hidden % tp != 0) continue;
    for (int pp = 1; pp <= std::min<long>(layers, case_ranks / tp); ++pp) {
      if (layers % pp != 0 || case_ranks % (tp * pp) != 0) continue;
      const int dp = case_ranks / tp / pp;
      const std::uint64_t data = dp > 1 ? 2 : 1;
      const std::uint64_t overlaps = tp > 1 ? 3 : 1;
      const std::uint64_t networks = data * (tp > 1 ? 2 : 1) * (pp > 1 ? 2 : 1);
      const std::uint64_t chunks = pp > 1 ? count_divisors(layers / pp) : 1;
      const std::uint64_t micro_batches = count_divisors(case_batch / dp);
      for (const bool full : {true, false, false}) {
        const std::uint64_t host = which.host_tier ? (full ? 4 : 8) : 1;
        const std::uint64_t rest =
            chunks * micro_batches * networks * overlaps * host * data * data;
        const Exchanges e = exchanges(tp, pp, full);
        counts.listed += rest * e.listed;
        counts.repeated += rest * (e.listed - e.distinct);
        counts.added += rest * (e.ours - e.distinct);
      }
    }
  }
  return counts;
}

}  // namespace tightrope::bench
