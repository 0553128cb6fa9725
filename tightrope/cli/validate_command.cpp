#include "tightrope/cli/validate_command.h"

#include <ostream>

#include "tightrope/core/csv.h"
#include "tightrope/study/bundled_tables.h"
#include "tightrope/study/coefficients.h"
#include "tightrope/study/validate_left_out.h"

namespace tightrope::cli {
namespace {

Result<study::TrainingTable> read_table(const ValidateTrainingOptions& options) {
  if (options.data.empty()) return study::bundled_training_table();
  return study::read_training_table(options.data);
}

Result<void> validate(const Session& session, const ValidateTrainingOptions& options) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const study::TrainingTable table, read_table(options));
  std::shared_ptr<const study::Coefficients> own;
  if (!options.calibration.empty()) {
    TR_TRY(own, study::read_coefficients(options.calibration));
  }
  const study::Coefficients& used = study::coefficients_or_embedded(own);
  study::ValidationReport report =
      study::validate_training(table, catalog, used.kernels, used.tuning);
  if (options.leave_out) {
    std::vector<study::TrainingTable> more;
    if (!options.with.empty()) {
      TR_TRY(study::TrainingTable seen, study::read_training_table(options.with));
      more.push_back(std::move(seen));
    }
    TR_TRY_VOID(study::add_left_out(table, more, catalog, used, report));
  }
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
