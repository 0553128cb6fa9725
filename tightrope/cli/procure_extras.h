// What `tightrope procure` answers beside the plan, each only when it is asked for.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/procure_command.h"
#include "tightrope/procure_study/resolve.h"
#include "tightrope/report/procure_answers.h"

namespace tightrope::cli {

struct ProcureExtras {
  std::vector<report::ProcureSection> sections;
  report::ProcureCharts charts;
};

/// A scenario file read, measured and resolved. Faults are printed; the error then says nothing
/// more. Errors: those of the file, the cache and the planners.
[[nodiscard]] Result<procure_study::Resolved> resolve_scenario(const Session& session,
                                                               const std::string& path,
                                                               const std::string& cache_file,
                                                               const catalog::Catalog& catalog);

/// Futures drawn from the scenario's spreads, as many as `--scenarios` says.
void draw_futures(const ProcureOptions& options, procure::Scenario& scenario);

/// Errors: usage for systems or files that do not fit, and the solver's.
[[nodiscard]] Result<ProcureExtras> procure_extras(
    const Session& session, const ProcureOptions& options, const procure_study::Resolved& study,
    const procure::Answer& answer, const procure::Options& solver, const catalog::Catalog& catalog);

}  // namespace tightrope::cli
