#include "tightrope/cli/calibrate_training_command.h"

#include <ostream>

#include "tightrope/core/csv.h"
#include "tightrope/study/calibrate_training.h"

namespace tightrope::cli {
namespace {

// Priors for a rebuild; for new measurements the calibration that they refine.
Result<void> choose_start(const CalibrateTrainingOptions& options,
                          study::CalibrateTrainingInput& input) {
  if (!options.priors.empty()) {
    TR_TRY(input.priors, step::TuningTable::read(options.priors));
    input.refine = !input.priors.evidence->chips.empty();
    return {};
  }
  const step::TuningTable& ours = step::TuningTable::embedded();
  input.refine = !study::repeats(input.data, ours);
  input.priors = input.refine ? ours : step::TuningTable::embedded_priors();
  return {};
}

Result<void> calibrate(const Session& session, const CalibrateTrainingOptions& options) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  study::CalibrateTrainingInput input;
  input.leave_out = !options.quick;
  std::vector<std::string> files = options.data;
  if (!options.more.empty()) files.push_back(options.more);
  for (const std::string& file : files) {
    TR_TRY(study::TrainingTable table, study::read_training_table(file));
    input.data.push_back(std::move(table));
  }
  TR_TRY_VOID(choose_start(options, input));
  formula::Calibration kernels = formula::embedded_calibration();
  if (!options.kernels.empty()) {
    TR_TRY(kernels, formula::Calibration::read(options.kernels));
  }
  TR_TRY(const study::CalibrationReport report, study::calibrate_training(input, catalog, kernels));
  if (!options.out.empty()) {
    TR_TRY_VOID(write_file(options.out, report.table.to_toml(study::comment_of(report))));
  }
  if (!options.left_out.empty()) {
    TR_TRY_VOID(write_file(options.left_out, study::left_out_csv(report)));
  }
  session.out << study::to_text(report);
  if (!options.out.empty()) session.out << "\nwritten: " << options.out << "\n";
  return {};
}

}  // namespace

int run_calibrate_training(const Session& session, const CalibrateTrainingOptions& options) {
  if (auto done = calibrate(session, options); !done) return report_error(session, done.error());
  return exit_ok;
}

}  // namespace tightrope::cli
