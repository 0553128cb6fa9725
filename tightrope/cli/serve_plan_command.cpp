#include "tightrope/cli/serve_plan_command.h"

#include <algorithm>
#include <ostream>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/cli/amounts.h"
#include "tightrope/cli/plan_request.h"
#include "tightrope/cli/yields.h"
#include "tightrope/core/csv.h"
#include "tightrope/report/serve_plan_json.h"
#include "tightrope/report/serve_plan_text.h"
#include "tightrope/report/text_table.h"
#include "tightrope/serving_study/serve_plan.h"
#include "tightrope/traffic/trace_file.h"

namespace tightrope::cli {
namespace {

using serving_study::ServeRequest;

constexpr int page = 110;

Result<void> read_demand(const ServePlanOptions& o, ServeRequest& r,
                         std::vector<std::string>& assumed) {
  if (!o.trace.empty()) {
    if (!o.input.empty() || !o.output.empty()) {
      return fail(ErrorCode::usage, "--trace and --input/--output say the same thing", {},
                  "give one of them");
    }
    TR_TRY(const traffic::Trace trace, traffic::read_trace(o.trace));
    r.demand = serving_study::demand_of(trace, r.limits.percentile);
    if (r.demand.cached > 0 && o.cached.empty()) {
      assumed.push_back(fmt::format(
          "every shared prefix stays cached, {:.0f} tokens a request (--cached)", r.demand.cached));
    }
  }
  const auto read = [&](const std::string& text, const char* option, double& into,
                        const char* otherwise) -> Result<void> {
    if (!text.empty()) {
      TR_TRY(into, parse_count(text, option));
    } else if (o.trace.empty() && otherwise != nullptr) {
      assumed.push_back(fmt::format("{:.0f} tokens {} ({})", into, otherwise, option));
    }
    return {};
  };
  TR_TRY_VOID(read(o.input, "--input", r.demand.input, "in"));
  TR_TRY_VOID(read(o.output, "--output", r.demand.output, "out"));
  if (o.cached == "0") {
    r.demand.cached = 0;
  } else {
    TR_TRY_VOID(read(o.cached, "--cached", r.demand.cached, nullptr));
  }
  return read(o.rate, "--rate", r.demand.rate, nullptr);
}

Result<void> read_limits(const ServePlanOptions& o, sizing::Limits& limits) {
  limits.percentile = o.percentile;
  const auto read = [](const std::string& text, const char* option,
                       std::optional<Seconds>& into) -> Result<void> {
    if (text.empty()) return {};
    TR_TRY(into, parse_duration(text, option));
    return {};
  };
  TR_TRY_VOID(read(o.ttft, "--ttft", limits.ttft));
  TR_TRY_VOID(read(o.tpot, "--tpot", limits.tpot));
  return read(o.e2e, "--e2e", limits.e2e);
}

Result<ServeRequest> read_request(const ServePlanOptions& o, std::vector<std::string>& assumed) {
  ServeRequest r;
  TR_TRY(r.model, read_model(o.config));
  TR_TRY_VOID(read_limits(o, r.limits));
  TR_TRY_VOID(read_demand(o, r, assumed));
  const auto objective = sizing::objective_from(o.rank);
  if (!objective) {
    return fail(ErrorCode::usage, fmt::format("unknown ranking \"{}\"", o.rank), {},
                "choose usd, throughput, energy or carbon");
  }
  r.objective = *objective;
  if (!o.term.empty()) {
    r.term = study::term_from(o.term);
    if (!r.term) {
      return fail(ErrorCode::usage, fmt::format("unknown term \"{}\"", o.term), {},
                  "choose on_demand, spot, capacity_block, reserved_1y, reserved_3y or purchase");
    }
  }
  if (o.only_disaggregated && !o.disaggregated) {
    return fail(ErrorCode::usage, "--disagg and --no-disagg exclude each other");
  }
  if (!o.scheduler.empty() && o.scheduler != "neuron-static") {
    return fail(ErrorCode::usage, fmt::format("unknown scheduler \"{}\"", o.scheduler), {},
                "neuron-static, or nothing: engines' own");
  }
  r.static_batches = !o.scheduler.empty();
  if (r.static_batches && o.only_disaggregated) {
    return fail(ErrorCode::usage, "static batches do not run in pools", {}, "drop --disagg");
  }
  r.systems = parse_list(o.systems);
  r.regions = parse_list(o.regions);
  r.numerics = parse_list(o.numerics);
  r.engine = o.engine;
  r.drafts = o.drafts;
  TR_TRY(const SpokenYields said, read_yields({o.drafts, o.accepted, o.acceptance}));
  r.accepted = said.mean;
  r.yields = said.shares;
  r.replicas = !o.only_disaggregated;
  r.disaggregated = o.disaggregated && !r.static_batches;
  r.announced = o.announced;
  r.prune = o.prune;
  r.top = o.top;
  return r;
}

}  // namespace

int run_plan_serve(const Session& session, const ServePlanOptions& options) {
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  std::vector<std::string> assumed;
  const auto request = read_request(options, assumed);
  if (!request) return report_error(session, request.error());
  const auto result = serving_study::plan_serving(*request, *catalog);
  if (!result) return report_error(session, result.error());
  bool table = true;
  const auto write = [&](const std::string& where, const std::string& text) -> Result<void> {
    if (where.empty()) return {};
    if (where != "-") return write_file(where, text);
    table = false;
    session.out << text;
    return {};
  };
  const auto json =
      write(options.json, options.json.empty()
                              ? std::string()
                              : report::serve_plan_json(*request, *result, session.version));
  if (!json) return report_error(session, json.error());
  const auto front = write(options.pareto, report::serve_front_csv(*result));
  if (!front) return report_error(session, front.error());
  if (table) {
    report::ServeTextOptions how;
    how.detailed = options.details;
    session.out << report::serve_plan_text(*request, *result, how);
    if (!assumed.empty()) {
      session.out << report::wrapped(fmt::format("Assumed: {}.", fmt::join(assumed, "; ")), page,
                                     0);
    }
  }
  return result->feasible() ? exit_ok : exit_infeasible;
}

}  // namespace tightrope::cli
