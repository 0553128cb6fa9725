// What the tables of a scenario say of each other and of the catalog.
#include <algorithm>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/procure_study/reader.h"
#include "tightrope/procure_study/resolve.h"

namespace tightrope::procure_study {
namespace {

using catalog::did_you_mean;
using catalog::joined;
using catalog::near_names;

class Checks {
 public:
  Checks(const File& file, const catalog::Catalog& catalog, std::vector<Error>& faults)
      : file_(file), catalog_(catalog), faults_(faults) {}

  void run() {
    header();
    names(file_.workloads, "workload");
    names(file_.supplies, "supply");
    names(file_.systems, "system");
    names(file_.rentals, "rental");
    names(file_.sites, "site");
    for (const WorkloadLine& w : file_.workloads) workload(w);
    for (const SystemLine& s : file_.systems) system(s);
    for (const RentalLine& r : file_.rentals) rental(r);
    for (const SiteLine& s : file_.sites) region(s.region, s.where);
  }

 private:
  void refuse(ErrorCode code, const Where& where, std::string what, std::string hint) {
    faults_.push_back({code, std::move(what), where, std::move(hint)});
  }

  template <class Line>
  std::vector<std::string> names_of(const std::vector<Line>& lines) {
    std::vector<std::string> out;
    for (const Line& line : lines) out.push_back(line.name);
    return out;
  }

  template <class Line>
  void names(const std::vector<Line>& lines, std::string_view noun) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (lines[k].name != lines[i].name) continue;
        refuse(ErrorCode::conflict, lines[i].where,
               fmt::format("two {}s are called \"{}\"", noun, lines[i].name),
               fmt::format("the first stands in line {}", lines[k].where.line));
      }
    }
  }

  /// A name that must be one of `known`.
  void known(const std::string& name, const std::vector<std::string>& known, std::string_view noun,
             const Where& where) {
    if (std::ranges::find(known, name) != known.end()) return;
    std::string hint = did_you_mean(near_names(name, known, 2));
    if (hint.empty()) {
      hint = known.empty() ? fmt::format("write [[{}]] first", noun)
                           : fmt::format("{}s of this file: {}", noun, joined(known));
    }
    refuse(ErrorCode::not_found, where, fmt::format("no {} is called \"{}\"", noun, name),
           std::move(hint));
  }

  void header() {
    const std::string& start = file_.header.start;
    const std::string tail = start.substr(4);
    if (tail != "-01-01" && tail != "-04-01" && tail != "-07-01" && tail != "-10-01") {
      refuse(ErrorCode::range, {file_.path, 1, 1},
             fmt::format("start {} is not the first day of a quarter", start),
             fmt::format("for example start = {}-01-01", start.substr(0, 4)));
    }
    const auto some = [&](bool any, std::string_view noun) {
      if (any) return;
      refuse(ErrorCode::not_found, {file_.path, 1, 1},
             fmt::format("the scenario has no [[{}]]", noun),
             "docs/guide/procure.md shows a whole scenario");
    };
    some(!file_.workloads.empty(), "workload");
    some(!file_.systems.empty(), "system");
    if (file_.header.goal == "served" && file_.header.budget_usd.empty()) {
      refuse(ErrorCode::conflict, {file_.path, 1, 1},
             "goal \"served\" needs budget_usd: without one everything is served",
             "add: budget_usd = [1e9, 1e9, 1e9]");
    }
  }

  void workload(const WorkloadLine& w) {
    if (w.demand_gtokens.empty() == w.demand_chip_hours.empty()) {
      refuse(
          ErrorCode::conflict, w.where,
          fmt::format("workload \"{}\" needs either demand_gtokens or demand_chip_hours", w.name),
          "keep one of the two");
    }
    if (!w.demand_chip_hours.empty() && w.demand_system.empty()) {
      refuse(ErrorCode::not_found, w.where,
             fmt::format("workload \"{}\": chip-hours of which system?", w.name),
             "add: demand_system = \"NAME\", the name of a [[system]]");
    } else if (!w.demand_chip_hours.empty()) {
      known(w.demand_system, names_of(file_.systems), "system", w.where);
    }
    if (w.kind == "serve" && (w.run_tokens.known || w.run_days.known)) {
      refuse(ErrorCode::conflict, w.where,
             fmt::format("workload \"{}\" serves, but has a run's length", w.name),
             "leave run_tokens and run_days out");
    }
    if (w.kind == "train" && (w.ttft_s.known || w.tpot_ms.known)) {
      refuse(ErrorCode::conflict, w.where,
             fmt::format("workload \"{}\" trains, but has latencies", w.name),
             "leave ttft_s and tpot_ms out");
    }
    const bool runs = std::ranges::any_of(file_.systems, [&](const SystemLine& s) {
      const catalog::System* unit = catalog_.find_system(s.system);
      return unit != nullptr && architecture_of(*unit, catalog_) == w.architecture;
    });
    if (!runs && w.ports.empty()) {
      refuse(ErrorCode::conflict, w.where,
             fmt::format("workload \"{}\" runs on {}, which no system is", w.name, w.architecture),
             "add a [[system]] of it, or a [[workload.port]] to what there is");
    }
    for (const PortLine& port : w.ports) {
      if (port.architecture != w.architecture) continue;
      refuse(ErrorCode::conflict, port.where,
             fmt::format("workload \"{}\" is ported to what it runs on already", w.name),
             "leave this port out");
    }
  }

  void system(const SystemLine& s) {
    if (catalog_.find_system(s.system) == nullptr) {
      std::string hint = did_you_mean(catalog_.near(s.system));
      if (hint.empty()) hint = "see `tightrope catalog list systems`";
      refuse(ErrorCode::not_found, s.where, fmt::format("unknown system \"{}\"", s.system),
             std::move(hint));
    }
    for (const RouteLine& route : s.routes) {
      for (const UseLine& use : route.uses) {
        known(use.supply, names_of(file_.supplies), "supply", use.where);
        if (use.per_chip.known != use.chips_per_unit.known) continue;
        refuse(ErrorCode::conflict, use.where,
               fmt::format("the use of \"{}\" needs either per_chip or chips_per_unit", use.supply),
               "keep one of the two");
      }
    }
    double last = 1;
    for (const BreakLine& step : s.breaks) {
      if (step.price_multiplier.value > last) {
        refuse(ErrorCode::range, step.where,
               fmt::format("price breaks of \"{}\" must fall", s.name),
               "write them from the smallest number of chips to the largest");
      }
      last = step.price_multiplier.value;
    }
  }

  void rental(const RentalLine& r) {
    known(r.system, names_of(file_.systems), "system", r.where);
    region(r.region, r.where);
    if (r.usd_per_chip_hour.empty() == r.term.empty()) {
      refuse(
          ErrorCode::conflict, r.where,
          fmt::format("rental \"{}\" needs either usd_per_chip_hour or the catalog's term", r.name),
          "keep one of the two");
    }
  }

  void region(const std::string& name, const Where& where) {
    if (name.empty() || catalog_.find_region(name) != nullptr) return;
    std::vector<std::string> all;
    for (const catalog::Region& r : catalog_.regions()) all.push_back(r.name);
    std::string hint = did_you_mean(near_names(name, all, 2));
    if (hint.empty()) hint = "see `tightrope catalog list regions`";
    refuse(ErrorCode::not_found, where, fmt::format("unknown region \"{}\"", name),
           std::move(hint));
  }

  const File& file_;
  const catalog::Catalog& catalog_;
  std::vector<Error>& faults_;
};

}  // namespace

void check_file(const File& file, const catalog::Catalog& catalog, std::vector<Error>& faults) {
  Checks(file, catalog, faults).run();
}

}  // namespace tightrope::procure_study
