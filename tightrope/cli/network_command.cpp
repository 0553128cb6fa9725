#include "tightrope/cli/network_command.h"

#include <ostream>

#include "tightrope/core/csv.h"
#include "tightrope/core/parallel.h"
#include "tightrope/network_study/validate_network.h"

namespace tightrope::cli {
namespace {

using formula::Calibration;
using formula::NetworkCalibration;

Result<Calibration> read_links(const std::string& path) {
  if (path.empty()) return formula::embedded_calibration();
  return Calibration::read(path);
}

Result<NetworkCalibration> read_network(const std::string& path) {
  if (path.empty()) return NetworkCalibration::embedded();
  return NetworkCalibration::read(path);
}

Result<void> validate(const Session& session, const ValidateNetworkOptions& options) {
  set_thread_limit(session.threads);
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const Calibration links, read_links(options.kernels));
  TR_TRY(const NetworkCalibration network, read_network(options.calibration));
  TR_TRY(const network_study::NetworkTable table,
         network_study::read_network_tables(options.data, {catalog, links}));
  network_study::NetworkReport report = network_study::validate_network(table, {links, network});
  if (options.leave_out) network_study::add_left_out(table, {links, network}, report);
  if (!options.rows.empty()) {
    TR_TRY_VOID(write_file(options.rows, network_study::rows_csv(report)));
  }
  if (!options.markdown.empty()) {
    TR_TRY_VOID(write_file(options.markdown, network_study::to_markdown(report)));
  }
  if (options.json == "-") {
    session.out << network_study::to_json(report);
    return {};
  }
  if (!options.json.empty()) {
    TR_TRY_VOID(write_file(options.json, network_study::to_json(report)));
  }
  session.out << network_study::to_text(report);
  return {};
}

Result<void> calibrate(const Session& session, const CalibrateNetworkOptions& options) {
  set_thread_limit(session.threads);
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  const Calibration& links = formula::embedded_calibration();
  TR_TRY(const network_study::NetworkTable table,
         network_study::read_network_tables(options.data, {catalog, links}));
  NetworkCalibration fitted = network_study::fit_network(table.rows, {});
  network_study::NetworkReport report = network_study::validate_network(table, {links, fitted});
  network_study::add_left_out(table, {links, fitted}, report);
  fitted.bands = network_study::bands_of(report);
  session.out << network_study::to_text(report);
  if (options.out.empty()) return {};
  return write_file(options.out, network_study::network_toml(fitted, table));
}

}  // namespace

int run_validate_network(const Session& session, const ValidateNetworkOptions& options) {
  if (auto done = validate(session, options); !done) return report_error(session, done.error());
  return exit_ok;
}

int run_calibrate_network(const Session& session, const CalibrateNetworkOptions& options) {
  if (auto done = calibrate(session, options); !done) return report_error(session, done.error());
  return exit_ok;
}

}  // namespace tightrope::cli
