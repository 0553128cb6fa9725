// Options as a table, for commands with many: app.cpp binds them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "tightrope/cli/calibrate_command.h"
#include "tightrope/cli/calibrate_training_command.h"
#include "tightrope/cli/collective_command.h"
#include "tightrope/cli/network_command.h"
#include "tightrope/cli/procure_command.h"
#include "tightrope/cli/serving_tables_command.h"
#include "tightrope/cli/simulate_command.h"
#include "tightrope/cli/step_command.h"
#include "tightrope/cli/topology_command.h"
#include "tightrope/cli/trace_run_command.h"
#include "tightrope/cli/validate_command.h"

namespace tightrope::cli {

/// One option and where its value goes; a bool is a flag, numbers must not be negative, a list
/// takes several words.
struct OptionRow {
  const char* names;  ///< "--region,--regions"
  const char* type;   ///< "FILE", "N"
  const char* help;
  std::variant<std::string*, std::vector<std::string>*, int*, std::int64_t*, double*, bool*> target;
  bool required = false;  ///< not of flags
};

/// Those of the commands with tables of options; `options` must outlive them.
[[nodiscard]] std::vector<OptionRow> option_rows(SimulateServingOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(ValidateServingOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(CalibrateServingOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(ValidateTrainingOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(CalibrateKernelsOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(CalibrateTrainingOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(TopologyOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(SimulateStepOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(SimulateCollectiveOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(SimulateTraceOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(ValidateNetworkOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(CalibrateNetworkOptions& options);
[[nodiscard]] std::vector<OptionRow> option_rows(ProcureOptions& options);

}  // namespace tightrope::cli
