#include "tightrope/cli/validate_command.h"

#include <ostream>

#include "tightrope/core/csv.h"
#include "tightrope/study/validate.h"

namespace tightrope::cli {
namespace {

Result<void> validate(const Session& session, const ValidateTrainingOptions& options) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const study::TrainingTable table, study::read_training_table(options.data));
  step::TuningTable tuning = step::TuningTable::embedded();
  if (!options.tuning.empty()) {
    TR_TRY(tuning, step::TuningTable::read(options.tuning));
  }
  const study::ValidationReport report =
      study::validate_training(table, catalog, formula::embedded_calibration(), tuning);
  if (!options.rows.empty()) TR_TRY_VOID(write_file(options.rows, study::rows_csv(report)));
  if (options.json == "-") {
    session.out << study::to_json(report);
    return {};
  }
  if (!options.json.empty()) TR_TRY_VOID(write_file(options.json, study::to_json(report)));
  session.out << study::to_text(report);
  return {};
}

}  // namespace

int run_validate_training(const Session& session, const ValidateTrainingOptions& options) {
  if (auto done = validate(session, options); !done) return report_error(session, done.error());
  return exit_ok;
}

}  // namespace tightrope::cli
