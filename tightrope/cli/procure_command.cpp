#include "tightrope/cli/procure_command.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <string_view>

#include <fmt/format.h>

#include "tightrope/cli/amounts.h"
#include "tightrope/cli/draw.h"
#include "tightrope/cli/procure_extras.h"
#include "tightrope/core/csv.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure_study/fields.h"
#include "tightrope/procure_study/resolve.h"
#include "tightrope/report/procure_report.h"
#include "tightrope/report/validation_page.h"

namespace tightrope::cli {
namespace {

using procure_study::Resolved;
using report::ProcureSection;

int show_schema(const Session& session, const ProcureOptions& options) {
  if (options.json.empty()) {
    session.out << procure_study::schema_text();
    return exit_ok;
  }
  const std::string text = procure_study::schema_json();
  if (options.json == "-") {
    session.out << text;
    return exit_ok;
  }
  const auto done = write_file(options.json, text);
  return done ? exit_ok : report_error(session, done.error());
}

Result<double> share_of(const std::string& text, const char* option) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(value >= 0 && value <= 1)) {
    return fail(ErrorCode::range, fmt::format("{} \"{}\" is no share", option, text), {},
                "a number from 0 to 1");
  }
  return value;
}

/// What the command line says instead of the file.
Result<void> override_by(const ProcureOptions& options, procure::Scenario& s) {
  if (!options.goal.empty()) {
    if (options.goal == "cost") {
      s.goal = procure::Goal::cost;
    } else if (options.goal == "carbon") {
      s.goal = procure::Goal::carbon;
    } else if (options.goal == "independence") {
      s.goal = procure::Goal::independence;
    } else if (options.goal == "served" && !s.budget.empty()) {
      s.goal = procure::Goal::served;
    } else if (options.goal == "served") {
      return fail(ErrorCode::conflict, "--goal served needs a budget in the scenario", {},
                  "add: budget_usd = [1e9, 1e9, 1e9]");
    } else {
      return fail(ErrorCode::usage, fmt::format("unknown goal \"{}\"", options.goal), {},
                  "choose cost, carbon, served or independence");
    }
  }
  if (options.independence == "max") {
    s.goal = procure::Goal::independence;
  } else if (!options.independence.empty()) {
    TR_TRY(s.own_share, share_of(options.independence, "--independence"));
  }
  if (!options.cvar.empty()) {
    TR_TRY(s.cvar_weight, share_of(options.cvar, "--cvar"));
    if (options.scenarios < 2) {
      return fail(ErrorCode::usage, "--cvar weighs futures, but there is only one", {},
                  "add --scenarios 20");
    }
  }
  return {};
}

/// What is left of a time that begins now.
std::function<Seconds()> countdown(Seconds limit) {
  const auto start = std::chrono::steady_clock::now();
  return [start, limit] {
    const std::chrono::duration<double> gone = std::chrono::steady_clock::now() - start;
    return limit - Seconds(gone.count());
  };
}

/// `--cost-cap`: money, or a share above what the cheapest plan costs, which is solved for first.
Result<void> cap_cost(const ProcureOptions& options, const procure::Options& solver,
                      procure::Scenario& s) {
  if (options.cost_cap.empty()) return {};
  const char* const text = options.cost_cap.c_str();
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  const std::string_view rest = end;
  if (end == text || (!rest.empty() && rest != "%") || !(value > 0 || rest == "%") || value < 0) {
    return fail(ErrorCode::range, fmt::format("--cost-cap \"{}\" is no cost", options.cost_cap), {},
                "US dollars, for example 32e9, or a share above the least cost: 5%");
  }
  if (rest.empty()) {
    s.cost_cap = Dollars(value);
    return {};
  }
  procure::Scenario cheapest = s;
  cheapest.goal = procure::Goal::cost;
  procure::Options how = solver;
  how.duals = false;
  TR_TRY(const procure::Answer answer, optimize(cheapest, how));
  if (!answer.values.empty()) s.cost_cap = answer.mean_cost * (1 + value / 100);
  return {};
}

Result<procure::Options> solver_options(const ProcureOptions& options) {
  procure::Options out;
  if (options.gap > 0) out.gap = options.gap;
  if (!options.time_limit.empty()) {
    TR_TRY(out.time_limit, parse_duration(options.time_limit, "--time-limit"));
  }
  if (options.backend == "highs") {
    out.backend = milp::Backend::highs;
  } else if (!options.backend.empty() && options.backend != "cbc") {
    return fail(ErrorCode::usage, fmt::format("unknown solver \"{}\"", options.backend), {},
                "choose cbc or highs");
  }
  if (!milp::has_backend(out.backend)) {
    return fail(ErrorCode::unsupported, "this build has no HiGHS", {},
                "configure again where CMake finds the package `highs`, or solve with CBC");
  }
  return out;
}

/// The charts that gnuplot draws, one after the other; a note where it cannot.
std::string drawings(const Session& session, const std::vector<std::string>& scripts) {
  std::string all;
  for (const std::string& script : scripts) {
    if (script.empty()) continue;
    const auto svg = draw(script);
    if (!svg) {
      session.err << "note: " << to_string(svg.error()) << "\n";
      return all;
    }
    all += svg->substr(std::min(svg->find("<svg"), svg->size()));
  }
  return all;
}

Result<void> write_page(const Session& session, const std::string& path, const Resolved& study,
                        const procure::Answer& answer, const report::ProcureCharts& charts,
                        std::vector<ProcureSection> sections) {
  std::string svg;
  if (!answer.mix.empty()) {
    std::vector<std::string> scripts = report::procure_answers_scripts(charts);
    scripts.insert(scripts.begin(), report::procure_script(study, answer));
    svg = drawings(session, scripts);
  }
  for (ProcureSection& one : report::procure_appendix(study)) sections.push_back(std::move(one));
  return write_file(path, report::html_page(study.file.header.title,
                                            report::procure_markdown(sections, !svg.empty()), svg));
}

/// The mix in the file that was named, every other table beside it: "plan.csv", "plan-cash.csv".
Result<void> write_tables(const std::string& path, const Resolved& study,
                          const procure::Answer& answer,
                          const std::vector<ProcureSection>& sections) {
  TR_TRY_VOID(write_file(path, report::procure_csv(study, answer)));
  const std::string stem = path.ends_with(".csv") ? path.substr(0, path.size() - 4) : path;
  for (const ProcureSection& section : sections) {
    if (section.data.name.empty()) continue;
    TR_TRY_VOID(write_file(fmt::format("{}-{}.csv", stem, section.data.name),
                           report::procure_csv(section.data)));
  }
  return {};
}

Result<void> write_programs(const ProcureOptions& options, const procure::Scenario& scenario) {
  if (!options.lp.empty()) {
    TR_TRY_VOID(write_program(scenario, milp::ModelFormat::lp, options.lp));
  }
  if (!options.mps.empty()) {
    TR_TRY_VOID(write_program(scenario, milp::ModelFormat::mps, options.mps));
  }
  return {};
}

Result<int> procure_plan(const Session& session, const ProcureOptions& options) {
  TR_TRY(const procure::Options solver, solver_options(options));
  procure::Scenario trial;  // words that are wrong are told before a long search
  trial.budget = {Dollars(1.0)};
  TR_TRY_VOID(override_by(options, trial));
  if (!options.cost_cap.empty() && options.cost_cap.back() != '%') {
    TR_TRY_VOID(cap_cost(options, solver, trial));
  }
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(Resolved study, resolve_scenario(session, options.scenario, options.cache, catalog));
  if (options.speeds) {
    session.out << report::procure_speeds_text(study);
    return exit_ok;
  }
  TR_TRY_VOID(override_by(options, study.scenario));
  draw_futures(options, study.scenario);
  TR_TRY_VOID(cap_cost(options, solver, study.scenario));
  TR_TRY_VOID(write_programs(options, study.scenario));
  procure::Options timed = solver;
  timed.time_left = countdown(solver.time_limit);
  TR_TRY(const procure::Answer answer, optimize(study.scenario, timed));
  const bool found =
      answer.status == milp::SolveStatus::optimal || answer.status == milp::SolveStatus::feasible;
  std::vector<ProcureSection> sections = report::procure_sections(study, answer);
  ProcureExtras extras;
  if (found) {
    TR_TRY(extras, procure_extras(session, options, study, answer, solver, catalog));
  }
  sections.insert(sections.end(), extras.sections.begin(), extras.sections.end());
  if (!options.csv.empty()) {
    TR_TRY_VOID(write_tables(options.csv, study, answer, sections));
  }
  if (!options.html.empty()) {
    TR_TRY_VOID(write_page(session, options.html, study, answer, extras.charts, sections));
  }
  const int code = found ? exit_ok : exit_infeasible;
  if (!options.json.empty()) {
    const std::string text = report::procure_json(study, answer, sections, session.version);
    if (options.json == "-") {
      session.out << text;
      return code;
    }
    TR_TRY_VOID(write_file(options.json, text));
  }
  session.out << report::procure_text(sections);
  return code;
}

}  // namespace

int run_procure(const Session& session, const ProcureOptions& options) {
  if (options.scenario == "schema") return show_schema(session, options);
  const auto done = procure_plan(session, options);
  return done ? *done : report_error(session, done.error());
}

}  // namespace tightrope::cli
