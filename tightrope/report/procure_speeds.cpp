#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/procure_report.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {

std::string procure_speeds_text(const procure_study::Resolved& study) {
  TextTable table({{"workload"},
                   {"system"},
                   {"tokens/s/chip", Align::right},
                   {"90 % band", Align::right},
                   {"J/token", Align::right},
                   {"memory %", Align::right},
                   {"chips", Align::right},
                   {"format"},
                   {"mapping"}});
  for (std::size_t w = 0; w < study.file.workloads.size(); ++w) {
    for (std::size_t s = 0; s < study.file.systems.size(); ++s) {
      const procure_study::Speed& speed = study.speeds.speeds[w][s];
      const std::string first = s == 0 ? study.file.workloads[w].name : "";
      const std::string& system = study.file.systems[s].name;
      if (!speed.feasible) {
        table.add({first, system, "-", "", "", "", "", "", speed.reason});
        continue;
      }
      const double rate = speed.of_chip.raw();
      table.add({first, system, fmt::format("{:.4g}", rate),
                 fmt::format("{:.4g} to {:.4g}", rate * speed.low90, rate * speed.high90),
                 fmt::format("{:.3g}", speed.energy.raw()),
                 fmt::format("{:.0f}", 100 * speed.memory_share), with_thousands(speed.chips),
                 speed.format, speed.mapping});
    }
  }
  return fmt::format("{}: speeds by the planners, of a paid chip, energy at the machines\n\n",
                     study.file.header.title) +
         table.text();
}

}  // namespace tightrope::report
