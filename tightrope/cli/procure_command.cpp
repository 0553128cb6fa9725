#include "tightrope/cli/procure_command.h"

#include <ostream>

#include <fmt/format.h>

#include "tightrope/cli/interrupt.h"
#include "tightrope/core/csv.h"
#include "tightrope/procure_study/fields.h"
#include "tightrope/procure_study/reader.h"
#include "tightrope/procure_study/resolve.h"
#include "tightrope/report/procure_report.h"

namespace tightrope::cli {
namespace {

constexpr std::size_t most_faults = 20;

int report_faults(const Session& session, const std::vector<Error>& faults) {
  for (std::size_t i = 0; i < faults.size() && i < most_faults; ++i) {
    report_error(session, faults[i]);
  }
  if (faults.size() > most_faults) {
    session.err << fmt::format("and {} faults more\n", faults.size() - most_faults);
  }
  return exit_bad_input;
}

Result<procure_study::Resolved> resolved(const Session& session, const ProcureOptions& options,
                                         procure_study::File file,
                                         const catalog::Catalog& catalog) {
  procure_study::SpeedCache cache;
  if (!options.cache.empty()) TR_TRY_VOID(cache.read(options.cache));
  ProgressLine line(session.err);
  const auto progress = [&line](std::size_t done, std::size_t of) {
    if (line.is_due()) line.show(fmt::format("{} of {} speeds searched", done, of));
  };
  TR_TRY(procure_study::SpeedTable speeds, measure_speeds(file, catalog, cache, progress));
  if (!options.cache.empty()) TR_TRY_VOID(cache.write(options.cache));
  return resolve(std::move(file), std::move(speeds), catalog);
}

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

}  // namespace

int run_procure(const Session& session, const ProcureOptions& options) {
  if (options.scenario == "schema") return show_schema(session, options);
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  std::vector<Error> faults;
  procure_study::File file = procure_study::read_scenario(options.scenario, *catalog, faults);
  if (!faults.empty()) return report_faults(session, faults);
  const auto study = resolved(session, options, std::move(file), *catalog);
  if (!study) return report_error(session, study.error());
  if (options.speeds) {
    session.out << report::procure_speeds_text(*study);
    return exit_ok;
  }
  return exit_ok;
}

}  // namespace tightrope::cli
