#include "tightrope/cli/explain_command.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/cli/plan_file.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/report/explain.h"
#include "tightrope/report/timeline.h"
#include "tightrope/study/plan_mapping.h"

namespace tightrope::cli {
namespace {

Result<AskedPlan> from_words(const ExplainOptions& options, const catalog::Catalog& catalog) {
  if (options.work.config.empty()) {
    return fail(ErrorCode::usage, "which plan?", {},
                "give a file of `tightrope plan --json FILE`, or --config, --system and --mapping");
  }
  if (options.system.empty() || options.mapping.empty()) {
    return fail(ErrorCode::usage, "--config needs --system and --mapping beside it", {},
                "for example --system p5.48xlarge --mapping \"tp8 pp16 dp8 mbs1 zero1 sp\"");
  }
  AskedPlan asked;
  TR_TRY(asked.request, read_work(options.work, asked.warnings));
  for (std::string& choice : asked.warnings) choice.insert(0, "assumed: ");
  TR_TRY(asked.key.mapping, study::mapping_from_text(options.mapping));
  const catalog::System* system = catalog.find_system(options.system);
  asked.key.system = options.system;
  asked.key.stack = options.work.stack;
  asked.key.precision =
      asked.request.precisions.empty() ? "bf16" : asked.request.precisions.front();
  const catalog::Chip* chip = system == nullptr ? nullptr : catalog.find_chip(system->chip);
  const int per_chip = chip == nullptr ? 1 : chip->ranks_per_chip;
  const step::Mapping& m = asked.key.mapping;
  const double chips = static_cast<double>(m.tp) * m.cp * m.pp * m.dp / per_chip;
  asked.key.chips = static_cast<int>(std::min(std::ceil(chips), 1e9));
  return asked;
}

constexpr double most_pieces = 1 << 24;  // of a replayed pipeline

// Ranks and chips that no machine has would overflow before they are refused.
Result<void> check_ranks(const study::PlanKey& key, const step::Context& context) {
  const step::Mapping& m = key.mapping;
  const double ranks = static_cast<double>(m.tp) * m.cp * m.pp * m.dp;
  const double wanted = static_cast<double>(key.chips) * context.chip.ranks_per_chip;
  const double micro_batches =
      static_cast<double>(context.job.global_batch) / m.dp / std::max(1, m.micro_batch);
  if (micro_batches * m.pp * m.vp > most_pieces) {
    return fail(ErrorCode::range,
                fmt::format("{:.0f} micro-batches on {} stages of {} chunks are too many to replay",
                            micro_batches, m.pp, m.vp));
  }
  if (ranks == wanted && m.micro_batch > 0) return {};
  return fail(ErrorCode::conflict,
              fmt::format("{} chips of {} run {:.0f} ranks, the mapping has {:.0f}", key.chips,
                          key.system, wanted, ranks),
              {}, "tp x cp x pp x dp must be the number of ranks, with mbs of at least 1");
}

// Why a mapping has no numbers to explain.
int report_infeasible(const Session& session, const study::PlanKey& key,
                      const step::Estimate& estimate) {
  session.err << fmt::format("tightrope: {} on {}: {}\n", step::to_text(key.mapping), key.system,
                             step::to_string(estimate.infeasible));
  return exit_infeasible;
}

Result<void> print(const Session& session, const ExplainOptions& options,
                   const step::Context& context, const study::Plan& plan,
                   const report::Node& tree) {
  if (!options.timeline.empty()) {
    TR_TRY_VOID(write_file(options.timeline, report::timeline_json(context, plan)));
  }
  if (!options.json.empty() && options.json != "-") {
    TR_TRY_VOID(write_file(options.json, report::tree_json(tree, options.depth)));
  }
  session.out << (options.json == "-" ? report::tree_json(tree, options.depth)
                                      : report::tree_text(tree, options.depth));
  return {};
}

}  // namespace

int run_explain(const Session& session, const ExplainOptions& options) {
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  const auto asked = options.plan_file.empty() ? from_words(options, *catalog)
                                               : read_plan(options.plan_file, options.plan,
                                                           options.work.calibration, *catalog);
  if (!asked) return report_error(session, asked.error());
  for (const std::string& warning : asked->warnings) session.err << "note: " << warning << "\n";
  const auto context = study::plan_context(asked->request, asked->key, *catalog);
  if (!context) return report_error(session, context.error());
  if (const auto ranks = check_ranks(asked->key, *context); !ranks) {
    return report_error(session, ranks.error());
  }
  const step::Estimate estimate = step::estimate(*context, asked->key.mapping);
  const bool runs = estimate.infeasible == step::Infeasible::none ||
                    estimate.infeasible == step::Infeasible::does_not_fit;
  if (!runs) return report_infeasible(session, asked->key, estimate);
  const study::Plan plan =
      study::make_plan(asked->request, *context, asked->key.chips, estimate, *catalog);
  const report::Node tree = report::explain_plan(asked->request, *context, plan, *catalog);
  const auto printed = print(session, options, *context, plan, tree);
  if (!printed) return report_error(session, printed.error());
  if (estimate.infeasible == step::Infeasible::none) return exit_ok;
  return report_infeasible(session, asked->key, estimate);
}

}  // namespace tightrope::cli
