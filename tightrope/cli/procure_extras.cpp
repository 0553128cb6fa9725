#include "tightrope/cli/procure_extras.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>
#include <unistd.h>

#include "tightrope/catalog/names.h"
#include "tightrope/cli/amounts.h"
#include "tightrope/cli/interrupt.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/hash.h"
#include "tightrope/procure_study/reader.h"

namespace tightrope::cli {
namespace {

using procure_study::Resolved;

constexpr std::size_t most_faults = 20;
constexpr std::uint64_t futures_apart = 7919;  // planned futures are not those of the Monte Carlo

std::string bar(int done, int of, std::string_view what) {
  constexpr int width = 24;
  const int full = of > 0 ? width * done / of : 0;
  return fmt::format("[{}{}] {} of {} {}", std::string(static_cast<std::size_t>(full), '#'),
                     std::string(static_cast<std::size_t>(width - full), '.'), done, of, what);
}

Result<int> system_named(const procure::Scenario& s, const std::string& name) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < s.systems.size(); ++i) {
    if (s.systems[i].id == name) return static_cast<int>(i);
    names.push_back(s.systems[i].id);
  }
  std::string hint = catalog::did_you_mean(catalog::near_names(name, names, 2));
  if (hint.empty()) hint = "systems of the scenario: " + catalog::joined(names);
  return fail(ErrorCode::not_found, fmt::format("--break-even: no system is called \"{}\"", name),
              {}, std::move(hint));
}

Result<void> break_even(const ProcureOptions& options, const Resolved& study, ProcureExtras& out) {
  const std::vector<std::string> names = parse_list(options.break_even);
  if (names.size() != 2) {
    return fail(ErrorCode::usage, "--break-even takes two systems", {},
                "for example --break-even trn3,gb200");
  }
  procure::BreakEvenQuestion question;
  TR_TRY(question.challenger, system_named(study.scenario, names[0]));
  TR_TRY(question.incumbent, system_named(study.scenario, names[1]));
  TR_TRY(const std::vector<procure_study::SureBreakEven> rows, sure_break_even(study, question));
  out.sections.push_back(report::procure_break_even(study, question, rows));
  return {};
}

/// The plan under another scenario with the same things in it.
Result<void> regret(const Session& session, const ProcureOptions& options,
                    const procure::Answer& answer, const Resolved& study,
                    const procure::Options& solver, const catalog::Catalog& catalog,
                    ProcureExtras& out) {
  TR_TRY(const Resolved other, resolve_scenario(session, options.regret, options.cache, catalog));
  const auto ids = [](const auto& things) {
    std::vector<std::string> names;
    for (const auto& thing : things) names.push_back(thing.id);
    return names;
  };
  const procure::Scenario& a = study.scenario;
  const procure::Scenario& b = other.scenario;
  if (ids(a.systems) != ids(b.systems) || ids(a.workloads) != ids(b.workloads) ||
      ids(a.sites) != ids(b.sites) || ids(a.rentals) != ids(b.rentals) ||
      ids(a.leases) != ids(b.leases) || a.calendar.quarters != b.calendar.quarters) {
    return fail(
        ErrorCode::conflict,
        fmt::format("--regret {}: other quarters, systems, workloads, sites, rentals or leases",
                    options.regret),
        {}, "a plan can only be followed where the same things are; change numbers alone");
  }
  TR_TRY(const procure::Answer kept, follow(b, answer.plan, solver));
  TR_TRY(const procure::Answer best, optimize(b, solver));
  procure::Regret row;
  row.future = b.title == a.title ? options.regret : b.title;
  row.status = kept.status;
  row.followed = kept.mean_cost;
  row.best = best.mean_cost;
  row.regret = std::max(Dollars(0.0), kept.mean_cost - best.mean_cost);
  out.sections.push_back(report::procure_regret("Regret of this plan in another scenario", {row}));
  if (!kept.conflict.empty()) {
    out.sections.back().words.push_back(
        "These cannot hold together there: " + catalog::joined(kept.conflict) + ".");
  }
  return {};
}

/// Of the program that runs: answers of the cache hang on its formulas.
std::string program_hash(const Session& session) {
  const auto program = read_file("/proc/self/exe");
  return program ? fmt::format("{:016x}", fnv1a(*program)) : session.version;
}

Result<procure_study::SpeedTable> speeds_of(const Session& session, const procure_study::File& file,
                                            const std::string& cache_file,
                                            const catalog::Catalog& catalog) {
  procure_study::SpeedCache cache;
  std::string program;
  if (!cache_file.empty()) {
    program = program_hash(session);
    TR_TRY(const int others, cache.read(cache_file, program));
    if (others > 0) {
      session.err << fmt::format(
          "note: {}: {} speeds by another build of tightrope are searched "
          "again\n",
          cache_file, others);
    }
  }
  const Interrupt interrupt;
  Result<procure_study::SpeedTable> speeds = [&] {
    ProgressLine line(session.err);
    const auto progress = [&line](std::size_t done, std::size_t of, const std::string& what) {
      if (!line.is_due()) return;
      line.show(bar(static_cast<int>(done), static_cast<int>(of), "speeds: " + what));
    };
    return measure_speeds(file, catalog, cache, progress, &interrupt.flag());
  }();
  const bool found = !speeds || speeds->searched > 0;
  if (!cache_file.empty() && found) {
    TR_TRY_VOID(cache.write(cache_file, program, fmt::format(".{}", getpid())));
  }
  return speeds;
}

}  // namespace

Result<Resolved> resolve_scenario(const Session& session, const std::string& path,
                                  const std::string& cache_file, const catalog::Catalog& catalog) {
  std::vector<Error> faults;
  procure_study::File file = procure_study::read_scenario(path, catalog, faults);
  if (!faults.empty()) {
    for (std::size_t i = 0; i + 1 < faults.size() && i + 1 < most_faults; ++i) {
      report_error(session, faults[i]);
    }
    return Failure(faults[std::min(faults.size(), most_faults) - 1]);
  }
  TR_TRY(procure_study::SpeedTable speeds, speeds_of(session, file, cache_file, catalog));
  return resolve(std::move(file), std::move(speeds), catalog);
}

void draw_futures(const ProcureOptions& options, procure::Scenario& scenario) {
  if (options.scenarios < 2) return;
  std::vector<procure::Future> futures;
  for (int i = 0; i < options.scenarios; ++i) {
    futures.push_back(procure::sampled_future(
        scenario, static_cast<std::uint64_t>(options.seed) + futures_apart, i));
    futures.back().id = fmt::format("future {}", i + 1);
    futures.back().probability = 1.0 / options.scenarios;
  }
  scenario.futures = std::move(futures);
}

Result<ProcureExtras> procure_extras(const Session& session, const ProcureOptions& options,
                                     const Resolved& study, const procure::Answer& answer,
                                     const procure::Options& solver,
                                     const catalog::Catalog& catalog) {
  ProcureExtras out;
  ProgressLine line(session.err);
  const auto progress = [&line](std::string_view what) {
    return [&line, what](int done, int of) {
      if (line.is_due()) line.show(bar(done, of, what));
    };
  };
  if (options.more) {
    TR_TRY(const std::vector<procure::MoreOf> more, value_of_more(study.scenario, answer));
    out.sections.push_back(report::procure_more(study.scenario, more));
  }
  if (options.curve) {
    TR_TRY(out.charts.curve,
           independence_curve(study.scenario, solver, 11, progress("shares of independence")));
    out.sections.push_back(report::procure_curve(out.charts.curve));
  }
  if (!options.break_even.empty()) TR_TRY_VOID(break_even(options, study, out));
  if (options.regret == "futures") {
    if (study.scenario.futures.size() < 2) {
      return fail(ErrorCode::usage, "--regret futures, but there is only one", {},
                  "add --scenarios 20");
    }
    TR_TRY(const std::vector<procure::Regret> rows,
           procure::regret(study.scenario, answer.plan, solver, {}, progress("futures")));
    out.sections.push_back(report::procure_regret("Regret of this plan in each future", rows));
  }
  if (!options.regret.empty() && options.regret != "futures") {
    TR_TRY_VOID(regret(session, options, answer, study, solver, catalog, out));
  }
  if (options.tornado) {
    TR_TRY(out.charts.tornado, tornado(study.scenario, answer));
    out.sections.push_back(report::procure_tornado(out.charts.tornado));
  }
  if (options.monte_carlo > 0) {
    procure::MonteCarloOptions how;
    how.samples = options.monte_carlo;
    how.seed = static_cast<std::uint64_t>(options.seed);
    const int of = options.monte_carlo;
    how.progress = [&line, of](int done) {
      if (line.is_due()) line.show(bar(done, of, "futures"));
    };
    TR_TRY(procure::MonteCarlo result, monte_carlo(study.scenario, answer, how));
    out.sections.push_back(report::procure_monte_carlo(study, result));
    if (!result.breaches.empty()) out.sections.push_back(report::procure_breaches(result));
    out.charts.samples = std::move(result.samples);
  }
  return out;
}

}  // namespace tightrope::cli
