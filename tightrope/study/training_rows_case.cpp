#include "tightrope/study/training_rows_case.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/core/parallel.h"
#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study {
namespace {

using namespace rows_internal;
using workload::FlopConvention;

// Forward and backward FLOPs a token, with the layers' forward once more when the source counted
// recomputation (4/3 of the layers, head once).
double printed_flops(const TrainingRow& row, const workload::Model& model,
                     const workload::Job& job) {
  const std::string words = lower(row.flops_convention);
  FlopConvention convention = FlopConvention::full;
  if (has_any(words, {"causal"})) convention = FlopConvention::causal;
  if (has_any(words, {"6n only"})) convention = FlopConvention::six_n;
  const double flops = workload::job_flops_per_token(model, job, convention);
  const std::string notes = lower(row.notes);
  const bool recount = has_any(words, {"recompute counted", "8n"}) ||
                       has_any(notes, {"counts recomputation", "counts recompute,"});
  if (!recount) return flops;
  const double head = 6.0 * static_cast<double>(model.hidden * model.vocab);
  return head + (flops - head) * 4.0 / 3.0;
}

std::string measure(const TrainingRow& row, TrainingForm form, const workload::Model& model,
                    const workload::Job& job, RowCase& out) {
  if (form == TrainingForm::mapping_grid) {
    out.measured = row.step.raw();
  } else if (row.measured.raw() > 0) {
    out.measured = row.measured.raw();
  } else if (row.model_flops.raw() > 0) {
    out.measured = row.model_flops.raw() / printed_flops(row, model, job);
  }
  return out.measured > 0 ? "" : "no figure to compare with";
}

// Micro-batches of one replica: whole ones, and the share of one more.
void split_batch(const TrainingRow& row, RowCase& out, std::vector<std::int64_t>& batches) {
  const double replica = static_cast<double>(row.global_batch) / out.mapping.dp;
  const double parts = replica / out.mapping.micro_batch;
  const double whole = std::floor(parts + 1e-9);
  const std::int64_t one = std::int64_t{out.mapping.dp} * out.mapping.micro_batch;
  const double rest = parts - whole;
  batches = {static_cast<std::int64_t>(whole) * one};
  out.weights = {1.0};
  if (rest < 1e-6) return;
  batches.push_back((static_cast<std::int64_t>(whole) + 1) * one);
  out.weights = {1.0 - rest, rest};
}

std::string short_reason(const Error& error) { return error.what; }

std::string why_not(const step::Mapping& m, step::Infeasible reason) {
  const int stage = m.tp * m.cp * m.dp;
  if (stage % (m.ep * m.etp) != 0) {
    return fmt::format("ep {} does not fit on the {} ranks of a pipeline stage", m.ep * m.etp,
                       stage);
  }
  return std::string(step::to_string(reason));
}

Result<void> fill(const TrainingRow& given, TrainingForm form, const catalog::Catalog& catalog,
                  const formula::Calibration& calibration, const step::TuningTable& tuning,
                  RowCase& out) {
  TrainingRow row = given;
  TR_TRY(const catalog::Chip* chip, chip_of(row, catalog));
  out.chip = chip->name;
  TR_TRY(out.precision, precision_of(row));
  TR_TRY(workload::Model model, model_of(row));
  for (const workload::LayerKind& kind : model.kinds) out.moe = out.moe || kind.routed();
  if (row.global_batch <= 0) {
    row.global_batch = std::int64_t{row.accelerators} * chip->ranks_per_chip /
                       (std::int64_t{row.tp} * row.pp * row.cp);
  }
  if (row.seq_len <= 0 || row.global_batch <= 0) {
    return fail(ErrorCode::range, "no sequence length or batch");
  }
  const Software software = software_of(row, *chip);
  TR_TRY(out.mapping, mapping_of(row, model, *chip, software));
  step::ContextRequest request;
  request.job = job_of(row);
  if (const std::string why = measure(row, form, model, request.job, out); !why.empty()) {
    return fail(ErrorCode::range, why);
  }
  out.flops_a_token = workload::job_flops_per_token(model, request.job, FlopConvention::causal);
  out.tokens = static_cast<double>(row.global_batch * row.seq_len);
  request.model = std::move(model);
  request.precision = out.precision;
  request.stack = out.stack = stack_of(row, software, tuning);
  request.tuning = &tuning;
  request.gradient_kept = gradient_kept_of(row, software);
  const catalog::System system = system_of(row, *chip, catalog);
  std::vector<std::int64_t> batches;
  split_batch(row, out, batches);
  for (const std::int64_t batch : batches) {
    request.job.global_batch = batch;
    TR_TRY(step::Context context, step::make_context(request, system, catalog, calibration));
    out.contexts.push_back(std::move(context));
  }
  const step::Context& first = out.contexts.front();
  out.peak = chip->peak[first.recipe.product].value_or(FlopsPerSecond(0.0));
  const bool offload = out.mapping.offload_activations || out.mapping.offload_optimizer;
  if (offload && !(first.fabric.fabric.host_bandwidth > BytesPerSecond(0.0))) {
    out.mapping.offload_activations = out.mapping.offload_optimizer = false;
  }
  out.reading = fit_unsaid(row, software, first, out.mapping);
  const step::Estimate e = step::estimate(first, out.mapping);
  if (e.infeasible != step::Infeasible::none && e.infeasible != step::Infeasible::does_not_fit) {
    return fail(ErrorCode::range, why_not(out.mapping, e.infeasible));
  }
  return {};
}

// A batch that a row does not say is the largest its users could choose: doubled while the row fits
// as it is read otherwise.
Result<void> fill_any(const TrainingRow& row, TrainingForm form, const catalog::Catalog& catalog,
                      const formula::Calibration& calibration, const step::TuningTable& tuning,
                      RowCase& out) {
  TR_TRY_VOID(fill(row, form, catalog, calibration, tuning, out));
  if (row.global_batch > 0 || row.micro_batch > 0) return {};
  constexpr int most = 64;
  for (int local = 2; local <= most; local *= 2) {
    TrainingRow more = row;
    more.micro_batch = local;
    more.global_batch = std::int64_t{local} * out.mapping.dp;
    RowCase larger;
    TR_TRY_VOID(fill(more, form, catalog, calibration, tuning, larger));
    const step::Estimate e = step::estimate(larger.contexts.front(), larger.mapping);
    if (e.infeasible != step::Infeasible::none || !larger.reading.empty()) break;
    out = std::move(larger);
    out.reading = "batch not said: the largest that fits";
  }
  return {};
}

}  // namespace

std::vector<RowCase> make_cases(const TrainingTable& table, const catalog::Catalog& catalog,
                                const formula::Calibration& calibration,
                                const step::TuningTable& tuning) {
  std::vector<RowCase> cases(table.rows.size());
  for_each_index(cases.size(), [&](std::size_t i) {
    RowCase& one = cases[i];
    auto done = fill_any(table.rows[i], table.form, catalog, calibration, tuning, one);
    if (!done) {
      one.refused = short_reason(done.error());
      one.contexts.clear();
    }
  });
  return cases;
}

step::Traits traits_of(const RowCase& row, const std::string& source) {
  TR_CHECK(!row.contexts.empty());
  step::Traits traits = step::traits_of(row.contexts.front());
  traits.source = source;
  return traits;
}

Prediction predict(const RowCase& row, TrainingForm form, int accelerators) {
  TR_CHECK(!row.contexts.empty());
  Prediction out;
  for (std::size_t i = 0; i < row.contexts.size(); ++i) {
    const step::Estimate e = step::estimate(row.contexts[i], row.mapping);
    out.step += row.weights[i] * e.step_time;
    if (i > 0) continue;
    out.parts = e.parts;
    out.memory = e.memory;
  }
  out.value = form == TrainingForm::mapping_grid ? out.step.raw()
                                                 : row.tokens / out.step.raw() / accelerators;
  return out;
}

void retune(RowCase& row, const step::TuningTable& tuning) {
  for (step::Context& context : row.contexts) {
    auto own = tuning.tuning(context.chip.architecture, row.stack, context.chip.name);
    TR_CHECK(own.has_value(), row.stack);
    step::retune(context, *own);
  }
}

}  // namespace tightrope::study
