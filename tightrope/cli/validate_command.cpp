#include "tightrope/cli/validate_command.h"

#include <filesystem>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/cli/draw.h"
#include "tightrope/core/csv.h"
#include "tightrope/report/validation_page.h"
#include "tightrope/study/bundled_tables.h"
#include "tightrope/study/coefficients.h"
#include "tightrope/study/validate_left_out.h"

namespace tightrope::cli {
namespace {

Result<study::TrainingTable> read_table(const ValidateTrainingOptions& options) {
  if (options.data.empty()) return study::bundled_training_table();
  return study::read_training_table(options.data);
}

// Chips that someone trains on and that no row was measured on.
std::vector<std::string> unmeasured(const catalog::Catalog& catalog, const step::Evidence& seen) {
  std::vector<std::string> out;
  for (const catalog::Chip& chip : catalog.chips()) {
    const bool trains =
        chip.kind != "cpu" && !chip.name.starts_with("inferentia") && chip.peak[DType::bf16].known;
    if (trains && seen.find_chip(chip.name) == nullptr) out.push_back(chip.title);
  }
  return out;
}

// The pages, with a chart where gnuplot can be run.
Result<void> write_pages(const Session& session, const ValidateTrainingOptions& options,
                         const study::ValidationReport& report, report::PageNotes notes) {
  if (options.html.empty() && options.markdown.empty()) return {};
  auto svg = draw(report::scatter_script(report));
  if (!svg) session.err << "note: " << to_string(svg.error()) << "\n";
  const std::string picture = svg ? *svg : std::string();
  if (!options.html.empty()) {
    notes.chart = svg ? std::string(report::chart_slot) : "";
    TR_TRY_VOID(write_file(options.html,
                           report::html_page("Accuracy of the training step",
                                             report::validation_markdown(report, notes), picture)));
  }
  if (options.markdown.empty()) return {};
  const std::filesystem::path chart =
      std::filesystem::path(options.markdown).replace_extension(".svg");
  notes.chart =
      svg ? fmt::format("![Measured against predicted]({})", chart.filename().string()) : "";
  if (svg) TR_TRY_VOID(write_file(chart.string(), picture));
  return write_file(options.markdown, report::validation_markdown(report, notes));
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
  TR_TRY_VOID(
      write_pages(session, options, report, {unmeasured(catalog, *used.tuning.evidence), {}}));
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
