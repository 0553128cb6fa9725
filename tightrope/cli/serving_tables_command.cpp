#include "tightrope/cli/serving_tables_command.h"

#include <ostream>

#include "tightrope/core/csv.h"
#include "tightrope/serving_study/validate.h"

namespace tightrope::cli {
namespace {

Result<infer::ServingTuning> read_tuning(const std::string& path) {
  if (path.empty()) return infer::ServingTuning::embedded();
  return infer::ServingTuning::read(path);
}

Result<serving_study::ServingTable> read_tables(const std::vector<std::string>& paths) {
  std::vector<serving_study::ServingTable> tables;
  for (const std::string& path : paths) {
    TR_TRY(serving_study::ServingTable table, serving_study::read_serving_table(path));
    tables.push_back(std::move(table));
  }
  if (tables.size() == 1) return std::move(tables.front());
  return serving_study::merge_tables(std::move(tables));
}

Result<void> validate(const Session& session, const ValidateServingOptions& options) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const serving_study::ServingTable table, read_tables(options.data));
  TR_TRY(const infer::ServingTuning tuning, read_tuning(options.calibration));
  const formula::Calibration& kernels = formula::embedded_calibration();
  serving_study::ServingReport report =
      serving_study::validate_serving(table, catalog, kernels, tuning);
  if (options.simulate) {
    serving_study::add_simulated(table, catalog, kernels, tuning, report);
  }
  if (options.leave_out) {
    serving_study::add_left_out(table, catalog, kernels, tuning, report);
  }
  if (!options.rows.empty()) {
    TR_TRY_VOID(write_file(options.rows, serving_study::rows_csv(report)));
  }
  if (!options.markdown.empty()) {
    TR_TRY_VOID(write_file(options.markdown, serving_study::to_markdown(report)));
  }
  if (options.json == "-") {
    session.out << serving_study::to_json(report);
    return {};
  }
  if (!options.json.empty()) {
    TR_TRY_VOID(write_file(options.json, serving_study::to_json(report)));
  }
  session.out << serving_study::to_text(report);
  return {};
}

Result<void> calibrate(const Session& session, const CalibrateServingOptions& options) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const serving_study::ServingTable table, read_tables(options.data));
  TR_TRY(const infer::ServingTuning start, read_tuning(options.start));
  const formula::Calibration& kernels = formula::embedded_calibration();
  serving_study::ServingFit fit = serving_study::fit_serving(
      table, serving_study::make_cases(table, catalog, kernels, start), start,
      serving_study::fitted_rows(table));
  serving_study::ServingReport report =
      serving_study::validate_serving(table, catalog, kernels, fit.tuning);
  if (!options.quick) {
    serving_study::add_left_out(table, catalog, kernels, fit.tuning, report);
    fit.tuning.bands = serving_study::bands_of(report);
  }
  session.out << serving_study::to_text(report);
  if (options.out.empty()) return {};
  return write_file(options.out, serving_study::tuning_text(fit, table));
}

}  // namespace

int run_validate_serving(const Session& session, const ValidateServingOptions& options) {
  if (auto done = validate(session, options); !done) return report_error(session, done.error());
  return exit_ok;
}

int run_calibrate_serving(const Session& session, const CalibrateServingOptions& options) {
  if (auto done = calibrate(session, options); !done) return report_error(session, done.error());
  return exit_ok;
}

}  // namespace tightrope::cli
