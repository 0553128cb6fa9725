#include "tightrope/cli/calibrate_training_command.h"

#include <ostream>

#include "tightrope/core/csv.h"
#include "tightrope/study/calibrate_training.h"

namespace tightrope::cli {
namespace {

Result<void> calibrate(const Session& session, const CalibrateTrainingOptions& options) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  study::CalibrateTrainingInput input;
  input.leave_out = !options.quick;
  input.priors = step::TuningTable::embedded_priors();
  if (!options.priors.empty()) {
    TR_TRY(input.priors, step::TuningTable::read(options.priors));
  }
  std::vector<std::string> files = options.data;
  if (!options.more.empty()) files.push_back(options.more);
  for (const std::string& file : files) {
    TR_TRY(study::TrainingTable table, study::read_training_table(file));
    input.data.push_back(std::move(table));
  }
  TR_TRY(const study::CalibrationReport report,
         study::calibrate_training(input, catalog, formula::embedded_calibration()));
  if (!options.out.empty()) {
    TR_TRY_VOID(write_file(options.out, report.table.to_toml(study::comment_of(report))));
  }
  if (!options.left_out.empty()) {
    TR_TRY_VOID(write_file(options.left_out, study::left_out_csv(report)));
  }
  session.out << study::to_text(report);
  return {};
}

}  // namespace

int run_calibrate_training(const Session& session, const CalibrateTrainingOptions& options) {
  if (auto done = calibrate(session, options); !done) return report_error(session, done.error());
  return exit_ok;
}

}  // namespace tightrope::cli
