#include "tightrope/cli/plan_command.h"

#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/cli/amounts.h"
#include "tightrope/core/csv.h"
#include "tightrope/network_study/refine.h"
#include "tightrope/report/plan_json.h"
#include "tightrope/report/plan_text.h"
#include "tightrope/report/text_table.h"

namespace tightrope::cli {
namespace {

constexpr Seconds assumed_deadline{90 * 86400.0};
constexpr int page = 110;

Result<void> read_limits(const PlanOptions& options, study::PlanRequest& r,
                         std::vector<std::string>& assumed) {
  study::Constraints& c = r.constraints;
  c.memory_share = 1.0 - options.margin;
  TR_TRY(r.chips, parse_counts(options.chips, "--chips"));
  TR_TRY(r.units, parse_counts(options.units, "--units"));
  if (!options.max_chips.empty()) {
    TR_TRY(const std::vector<int> most, parse_counts(options.max_chips, "--max-chips"));
    if (most.size() != 1) return fail(ErrorCode::usage, "--max-chips takes one number");
    c.max_chips = most.front();
  }
  if (!options.budget.empty()) {
    TR_TRY(c.budget, parse_money(options.budget, "--budget"));
  }
  if (!options.deadline.empty() && options.deadline != "none") {
    TR_TRY(c.deadline, parse_duration(options.deadline, "--deadline"));
  }
  // Without any bound on time or size the cheapest plan would be the smallest, in years.
  const bool sized = !r.chips.empty() || !r.units.empty() || c.max_chips > 0;
  if (options.deadline.empty() && !sized && r.goal != study::Goal::time) {
    c.deadline = assumed_deadline;
    assumed.emplace_back("deadline 90 days (--deadline)");
  }
  return {};
}

Result<void> read_capacity(const PlanOptions& options, study::PlanRequest& r) {
  if (options.capacity.empty()) return {};
  r.capacity.clear();
  for (const std::string& part : parse_list(options.capacity)) {
    double factor = 0;
    if (part != "0") {
      TR_TRY(factor, parse_count(part, "--capacity"));
    }
    r.capacity.push_back(factor);
  }
  return {};
}

Result<study::PlanRequest> read_request(const PlanOptions& options,
                                        std::vector<std::string>& assumed) {
  TR_TRY(study::PlanRequest r, read_work(options.work, assumed));
  const auto goal = study::goal_from(options.goal);
  if (!goal) {
    return fail(ErrorCode::usage, fmt::format("unknown goal \"{}\"", options.goal), {},
                "choose time, cost, energy or carbon");
  }
  r.goal = *goal;
  r.systems = parse_list(options.systems);
  r.announced = options.announced;
  r.prune = options.prune;
  r.top = options.top;
  TR_TRY_VOID(read_capacity(options, r));
  TR_TRY_VOID(read_limits(options, r, assumed));
  return r;
}

Result<void> print(const Session& session, const PlanOptions& options,
                   const study::PlanRequest& request, const study::PlanResult& result,
                   const std::vector<std::string>& assumed) {
  bool table = true;
  auto write = [&](const std::string& where, const std::string& text) -> Result<void> {
    if (where != "-") return write_file(where, text);
    table = false;
    session.out << text;
    return {};
  };
  if (!options.json.empty()) {
    TR_TRY_VOID(write(options.json, report::plan_json(request, result, session.version)));
  }
  if (!options.csv.empty()) TR_TRY_VOID(write(options.csv, report::plan_csv(result)));
  if (!table) return {};
  report::PlanTextOptions how;
  how.detailed = options.details;
  session.out << report::plan_text(request, result, how);
  if (!assumed.empty()) {
    session.out << report::wrapped(fmt::format("Assumed: {}.", fmt::join(assumed, "; ")), page, 0);
  }
  return {};
}

}  // namespace

int run_plan(const Session& session, const PlanOptions& options) {
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  std::vector<std::string> assumed;
  const auto request = read_request(options, assumed);
  if (!request) return report_error(session, request.error());
  auto result = study::plan(*request, *catalog);
  if (!result) return report_error(session, result.error());
  if (options.refine > 0) {
    const auto refined = network_study::refine(*result, *request, *catalog, options.refine);
    if (!refined) return report_error(session, refined.error());
  }
  const auto printed = print(session, options, *request, *result, assumed);
  if (!printed) return report_error(session, printed.error());
  return result->feasible() ? exit_ok : exit_infeasible;
}

}  // namespace tightrope::cli
