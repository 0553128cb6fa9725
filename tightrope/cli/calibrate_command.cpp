#include "tightrope/cli/calibrate_command.h"

#include <filesystem>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/cli/calibrate_training_command.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/parallel.h"
#include "tightrope/formula/calibration.h"
#include "tightrope/study/calibrate_kernels.h"

namespace tightrope::cli {
namespace {

std::string percent(double share) { return fmt::format("{:.1f} %", 100.0 * share); }

void print_fit(std::ostream& out, const study::KernelFit& fit) {
  const study::FitQuality& q = fit.after.quality;
  const std::string cross = q.cross_ape > 0.0 ? percent(q.cross_ape) : "-";
  out << fmt::format("{:<28} {:>5} {:>7} {:>7} {:>9} {:>9} {:>7} {:>7} {:>9}\n", fit.subject,
                     q.rows, percent(fit.before.median_ape), percent(fit.before.p90_ape),
                     percent(q.median_ape), percent(q.p90_ape), percent(q.bias), cross,
                     fit.after.numbers.size());
  std::string numbers;
  for (const study::FittedNumber& n : fit.after.numbers) {
    numbers += fmt::format(" {} {:.3g}", n.name, n.value);
    if (n.standard_error > 0.0) numbers += fmt::format("+-{:.1g}", n.standard_error);
  }
  out << "   " << numbers << '\n';
  if (fit.unseen.rows > 0) {
    out << fmt::format(
        "    latent attention (192/128), {} rows that were not fitted: median {}, "
        "bias {}\n",
        fit.unseen.rows, percent(fit.unseen.median_ape), percent(fit.unseen.bias));
  }
}

}  // namespace

int run_calibrate_kernels(const Session& session, const CalibrateKernelsOptions& options) {
  set_thread_limit(session.threads);
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  study::CalibrateKernelsInput input;
  input.data_dir = options.data;
  input.chips = catalog->chips();
  const auto fitted = study::calibrate_kernels(input, formula::embedded_calibration());
  if (!fitted) return report_error(session, fitted.error());

  session.out << fmt::format("{:<28} {:>5} {:>15} {:>19} {:>7} {:>7} {:>9}\n", "", "",
                             "error before", "error after", "bias", "cross", "numbers");
  session.out << fmt::format("{:<28} {:>5} {:>7} {:>7} {:>9} {:>9}\n", "fitted to", "rows",
                             "median", "p90", "median", "p90");
  for (const study::KernelFit& fit : fitted->fits) print_fit(session.out, fit);
  for (const study::KernelFit& check : fitted->checks) {
    const study::FitQuality& q = check.after.quality;
    session.out << fmt::format("{:<28} {:>5} {:>7} {:>7} {:>9} {:>9} {:>7}\n", check.subject,
                               q.rows, "not", "fitted", percent(q.median_ape), percent(q.p90_ape),
                               percent(q.bias));
  }
  session.out << fmt::format(
      "\n{} coefficients from {} rows. cross: median error on rows left out, in five folds.\n",
      fitted->coefficients, fitted->rows);
  if (options.out.empty()) return exit_ok;
  if (const auto written = write_file(options.out, fitted->toml); !written) {
    return report_error(session, written.error());
  }
  session.out << "written: " << options.out << '\n';
  return exit_ok;
}

int run_calibrate(const Session& session, const CalibrateOptions& options) {
  namespace fs = std::filesystem;
  CalibrateTrainingOptions training;
  std::error_code ignored;
  if (!fs::is_directory(options.data, ignored)) {
    training.data = {options.data};
    training.out = options.out;
    return run_calibrate_training(session, training);
  }
  const fs::path data = options.data, out = options.out;
  CalibrateKernelsOptions kernels;
  kernels.data = options.data;
  if (!options.out.empty()) {
    fs::create_directories(out, ignored);
    kernels.out = (out / "kernels.toml").string();
    training.out = (out / "training.toml").string();
    training.kernels = kernels.out;
  }
  if (const int code = run_calibrate_kernels(session, kernels); code != exit_ok) return code;
  training.data = {(data / "training_measurements.csv").string()};
  const fs::path grid = data / "training_mapping_grid_a100.csv";
  if (fs::exists(grid, ignored)) training.more = grid.string();
  session.out << '\n';
  return run_calibrate_training(session, training);
}

}  // namespace tightrope::cli
