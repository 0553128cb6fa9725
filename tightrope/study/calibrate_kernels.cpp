#include "tightrope/study/calibrate_kernels.h"

#include <algorithm>
#include <set>

#include "tightrope/core/check.h"
#include "tightrope/core/parallel.h"
#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

using formula::AttentionCoefficients;
using formula::RankKernels;

/// Copies read and write; they reach less than reads. Measured on H100 (2.90 of 3.35 TB/s) and H200
/// (4.01 of 4.8) by Azure/AI-benchmarking-guide, against our own read shares of the same chips.
constexpr double copy_of_read = 0.965;
/// Backward attention against forward: FlashAttention-3's tables (Shah et al. 2024) give 0.8 to
/// 0.86 on H100 for long causal sequences, FlashAttention-2's (Dao 2023) 0.8 to 0.9 on A100.
constexpr double backward_of_forward = 0.83;
constexpr double backward_ramp = 1.15;
constexpr double backward_products = 2.5;  ///< keeps softmax's share of the time as in forward

Result<const catalog::Chip*> facts_of(const std::string& name,
                                      const std::vector<catalog::Chip>& chips) {
  for (const catalog::Chip& chip : chips) {
    if (chip.name == name) return &chip;
  }
  return fail(ErrorCode::not_found, "the catalog has no chip `" + name + "`, which was measured",
              {}, "shares refer to the nameplate: add the chip to the catalog");
}

/// What is known of a chip before its products are fitted.
Result<ChipDraft> start_chip(const std::string& name, const std::vector<catalog::Chip>& chips,
                             const std::vector<GemmTable>& tables) {
  ChipDraft draft;
  TR_TRY(draft.facts, facts_of(name, chips));
  formula::ChipCalibration& c = draft.chip;
  c.name = name;
  c.architecture = draft.facts->architecture;
  c.kind = draft.facts->kind;
  c.grade = catalog::Grade::measured;
  for (const GemmTable& table : tables) {
    if (table.chip != name || table.format != "bf16") continue;
    draft.memory = {hbm_read_share(table, *draft.facts)};
    c.launch = table.least;
  }
  TR_CHECK(!draft.memory.empty(), name);
  c.hbm_read_share = draft.memory.front().value;
  c.hbm_share = copy_of_read * c.hbm_read_share;
  c.hbm_half = Bytes(1e6);
  return draft;
}

/// One fit that may run beside others: which table, into which draft.
struct Job {
  std::size_t draft;
  const GemmTable* gemm = nullptr;
  const AttentionTable* attention = nullptr;
  KernelFit fit;
};

std::vector<Job> jobs_of(const std::vector<ChipDraft>& drafts, const KernelTables& tables) {
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    for (const GemmTable& table : tables.gemm) {
      if (table.chip == drafts[i].chip.name) jobs.push_back({i, &table, nullptr, {}});
    }
    for (const AttentionTable& table : tables.attention) {
      if (table.chip == drafts[i].chip.name) jobs.push_back({i, nullptr, &table, {}});
    }
  }
  return jobs;
}

void run_job(Job& job, const ChipDraft& draft, const formula::Calibration& before, int folds) {
  RankKernels kernels = rank_of(draft);
  const RankKernels old = rank_kernels(*draft.facts, before);
  if (job.attention != nullptr) {
    job.fit = fit_attention(*job.attention, kernels, old.attention_forward, folds);
    return;
  }
  const formula::GemmShape& shape = job.gemm->rows.front().shape;
  const bool block = shape.scaling == formula::Scaling::block;
  job.fit = fit_gemm(*job.gemm, kernels, (block ? old.gemm_block : old.gemm)[shape.dtype], folds);
}

void keep_job(const Job& job, ChipDraft& draft) {
  if (job.attention != nullptr) {
    draft.forward = job.fit;
    draft.chip.attention_forward = attention_of(job.fit.after.numbers);
    return;
  }
  const formula::GemmShape& shape = job.gemm->rows.front().shape;
  const bool block = shape.scaling == formula::Scaling::block;
  (block ? draft.chip.gemm_block : draft.chip.gemm)[shape.dtype] = gemm_of(job.fit.after.numbers);
  draft.formats.emplace_back(job.gemm->format, job.fit);
}

void set_backward(ChipDraft& draft) {
  const AttentionCoefficients& forward = draft.chip.attention_forward;
  draft.chip.attention_backward = {.peak_share = backward_of_forward * forward.peak_share,
                                   .q_half = backward_ramp * forward.q_half,
                                   .softmax = backward_products * forward.softmax};
}

/// Fitted ranks against fused expert layers.
std::vector<KernelFit> expert_checks(const CsvTable& table, const std::vector<ChipDraft>& drafts) {
  std::vector<KernelFit> checks;
  for (const ChipName& name : measured_chips()) {
    for (const ChipDraft& draft : drafts) {
      if (draft.chip.name != name.catalog) continue;
      RankKernels kernels = rank_of(draft);
      kernels.gemm[DType::bf16] = *draft.chip.gemm[DType::bf16];
      if (auto check = check_experts(table, name, kernels)) checks.push_back(std::move(*check));
    }
  }
  return checks;
}

void collect(const std::vector<ChipDraft>& chips, const std::vector<ExpertDraft>& experts,
             const LinkDrafts& links, const PowerDrafts& power, KernelCalibration& out) {
  const auto add = [&out](const KernelFit& fit) {
    if (fit.after.quality.rows == 0) return;
    out.fits.push_back(fit);
    out.rows += fit.after.quality.rows;
    out.coefficients += static_cast<int>(fit.after.numbers.size());
  };
  for (const ChipDraft& draft : chips) {
    out.coefficients += static_cast<int>(draft.memory.size());
    for (const auto& format : draft.formats) add(format.second);
    add(draft.forward);
  }
  for (const ExpertDraft& draft : experts) add(draft.fit);
  for (const LinkDraft& draft : links.scaleup) add(draft.fit);
  for (const LinkDraft& draft : links.scaleout) add(draft.fit);
  add(power.shares);
  add(power.kernels.fit);
}

}  // namespace

RankKernels rank_of(const ChipDraft& draft) {
  RankKernels kernels;
  for (const DType dtype : all_dtypes) {
    kernels.peak[dtype] = draft.facts->peak[dtype].value_or(FlopsPerSecond(0.0));
  }
  kernels.hbm_bandwidth = draft.facts->hbm_bandwidth.value;
  kernels.compute_units = draft.facts->compute_units.value_or(1.0);
  kernels.launch = draft.chip.launch;
  kernels.hbm_share = draft.chip.hbm_share;
  kernels.hbm_read_share = draft.chip.hbm_read_share;
  return kernels;
}

Result<KernelCalibration> calibrate_kernels(const CalibrateKernelsInput& input,
                                            const formula::Calibration& before) {
  TR_TRY(KernelTables tables, read_kernel_tables(input.data_dir));
  TR_TRY(const CsvTable experts, read_expert_table(input.data_dir, tables.files));
  TR_TRY(const auto rates, read_achievable_rates(input.data_dir, tables.files));
  std::vector<ChipDraft> drafts;
  for (const ChipName& name : measured_chips()) {
    const bool measured = std::any_of(tables.gemm.begin(), tables.gemm.end(),
                                      [&](const GemmTable& t) { return t.chip == name.catalog; });
    if (!measured) continue;
    TR_TRY(auto draft, start_chip(name.catalog, input.chips, tables.gemm));
    drafts.push_back(std::move(draft));
  }
  std::vector<Job> jobs = jobs_of(drafts, tables);
  for_each_index(jobs.size(), [&](std::size_t i) {
    run_job(jobs[i], drafts[jobs[i].draft], before, input.folds);
  });
  for (const Job& job : jobs) keep_job(job, drafts[job.draft]);
  const std::vector<ExpertDraft> routed = fit_experts(experts, drafts, before, input.folds);
  const auto kin = std::find_if(drafts.begin(), drafts.end(),
                                [](const ChipDraft& d) { return d.chip.name == "h100"; });
  const ChipDraft priors_kin = kin == drafts.end() ? drafts.front() : *kin;
  for (ChipDraft& prior : prior_chips(rates, input.chips, priors_kin)) {
    drafts.push_back(std::move(prior));
  }
  for (ChipDraft& draft : drafts) set_backward(draft);
  const LinkDrafts links = fit_links(tables.collectives, before, input.folds);

  TR_TRY(const std::vector<PowerRow> metered, read_power_rows(input.data_dir, tables.files));
  const PowerDrafts power{fit_power(metered, before.power(), input.folds),
                          fit_kernel_power(metered, input.chips, input.folds)};

  KernelCalibration out;
  out.toml = write_kernels_toml(tables, drafts, routed, links, power);
  collect(drafts, routed, links, power, out);
  out.checks = expert_checks(experts, drafts);
  return out;
}

}  // namespace tightrope::study
