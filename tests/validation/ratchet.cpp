// Recorded errors of each group of published measurements: none may get worse.
//
//   ratchet FILE           compare validation/ratchet.csv with what the model says now
//   ratchet --update FILE  record what it says now
#include <cstdio>
#include <map>
#include <string>

#include <fmt/format.h>

#include "tightrope/catalog/catalog.h"
#include "tightrope/core/csv.h"
#include "tightrope/study/bundled_tables.h"
#include "tightrope/study/validate.h"

namespace {

using tightrope::study::ValidationReport;

// A group may be this much worse than recorded, in percent: small changes elsewhere move all.
constexpr double free_share = 0.05, free_points = 0.3;

struct Recorded {
  int rows = 0;
  double error = 0;  // percent
};
using Record = std::map<std::string, Recorded>;  // "dimension,value" to figures

Record now() {
  const auto& used = tightrope::study::embedded_coefficients();
  const ValidationReport report = tightrope::study::validate_training(
      tightrope::study::bundled_training_table(), tightrope::catalog::Catalog::embedded(),
      used.kernels, used.tuning);
  Record record;
  record["all,macro"] = {report.overall.n, report.overall.macro_mape};
  record["all,median"] = {report.overall.n, report.overall.median_ape};
  const auto& pairs = report.pairs;
  record["pairs,wrong way round"] = {pairs.apart,
                                     100.0 * (pairs.apart - pairs.apart_ordered) / pairs.apart};
  for (const auto& g : report.by) {
    if (g.dimension == "kind" || g.dimension == "task" || g.figures.n == 0) continue;
    const std::string name = g.dimension + "," + tightrope::csv_cell(g.value);
    record[name] = {g.figures.n, g.figures.macro_mape};
  }
  return record;
}

std::string text_of(const Record& record) {
  std::string text = "dimension,value,rows,error_percent\n";
  for (const auto& [name, r] : record) text += fmt::format("{},{},{:.2f}\n", name, r.rows, r.error);
  return text;
}

int compare(const tightrope::CsvTable& recorded, const Record& found) {
  int worse = 0;
  for (std::size_t i = 0; i < recorded.rows(); ++i) {
    const std::string name =
        recorded.at(i, "dimension") + "," + tightrope::csv_cell(recorded.at(i, "value"));
    const double rows = recorded.number(i, "rows", 0).value_or(0);
    const double error = recorded.number(i, "error_percent", 0).value_or(0);
    const auto at = found.find(name);
    if (at == found.end() || at->second.rows < rows) {
      fmt::print("{}: {} rows were expressed, now {}\n", name, rows,
                 at == found.end() ? 0 : at->second.rows);
      ++worse;
    } else if (at->second.error > error * (1 + free_share) + free_points) {
      fmt::print("{}: error {:.2f} % recorded, now {:.2f} %\n", name, error, at->second.error);
      ++worse;
    }
  }
  if (worse > 0) fmt::print("{} groups got worse; `make ratchet` records new errors\n", worse);
  return worse == 0 && recorded.rows() > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool update = argc == 3 && std::string(argv[1]) == "--update";
  if (argc != 2 && !update) {
    fmt::print("usage: ratchet [--update] FILE\n");
    return 2;
  }
  const std::string file = argv[argc - 1];
  if (update) return tightrope::write_file(file, text_of(now())).has_value() ? 0 : 2;
  const auto recorded = tightrope::CsvTable::read(file);
  if (!recorded) {
    fmt::print("{}\n", to_string(recorded.error()));
    return 2;
  }
  return compare(*recorded, now());
}
