#include "tightrope/cli/plan_file.h"

#include <fmt/format.h>

#include "tightrope/core/csv.h"
#include "tightrope/report/plan_json.h"

namespace tightrope::cli {

Result<AskedPlan> read_plan(const std::string& file, int index, const std::string& calibration,
                            const catalog::Catalog& catalog) {
  TR_TRY(const std::string text, read_file(file));
  TR_TRY(report::PlanFile read, report::read_plan_json(text, file));
  const int plans = static_cast<int>(read.plans.size());
  if (index < 1 || index > plans) {
    return fail(ErrorCode::range, fmt::format("there is no plan {}", index), {file},
                fmt::format("the file holds {} plans", plans));
  }
  AskedPlan asked;
  asked.request = std::move(read.request);
  if (!calibration.empty()) {
    TR_TRY(asked.request.coefficients, study::read_coefficients(calibration));
  }
  asked.key = read.plans[static_cast<std::size_t>(index - 1)];
  if (read.catalog_hash != catalog.hash()) {
    asked.warnings.push_back(fmt::format("planned with catalog {}, made again with {}",
                                         read.catalog_hash, catalog.hash()));
  }
  const std::string& hash = study::coefficients_or_embedded(asked.request.coefficients).hash;
  if (read.calibration_hash != hash) {
    asked.warnings.push_back(fmt::format("planned with calibration {}, made again with {}",
                                         read.calibration_hash, hash));
  }
  return asked;
}

}  // namespace tightrope::cli
