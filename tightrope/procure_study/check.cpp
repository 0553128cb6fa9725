// What the tables of a scenario say of each other and of the catalog.
#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/procure_study/reader.h"
#include "tightrope/procure_study/resolve.h"

namespace tightrope::procure_study {
namespace {

using catalog::did_you_mean;
using catalog::joined;
using catalog::near_names;

constexpr std::string_view training_keys[] = {"task", "seq_len", "batch_tokens", "run_tokens",
                                              "run_days"};
constexpr std::string_view serving_keys[] = {"input",  "output",  "cached",
                                             "ttft_s", "tpot_ms", "percentile"};

class Checks {
 public:
  Checks(const File& file, const catalog::Catalog& catalog, std::vector<Error>& faults)
      : file_(file), catalog_(catalog), faults_(faults) {}

  void run() {
    header();
    names(file_.facts, "fact");
    names(file_.workloads, "workload");
    names(file_.supplies, "supply");
    names(file_.systems, "system");
    names(file_.rentals, "rental");
    names(file_.leases, "lease");
    names(file_.sites, "site");
    for (const WorkloadLine& w : file_.workloads) workload(w);
    for (const SystemLine& s : file_.systems) system(s);
    for (const RentalLine& r : file_.rentals) rental(r);
    for (const LeaseLine& l : file_.leases) lease(l);
    for (const SiteLine& s : file_.sites) region(s.region, place_of(s, "region"));
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
        refuse(ErrorCode::conflict, place_of(lines[i], "name"),
               fmt::format("two {}s are called \"{}\"", noun, lines[i].name),
               fmt::format("the first stands in line {}", place_of(lines[k], "name").line));
        break;
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
                           : fmt::format("{} of this file: {}",
                                         noun == "supply" ? "supplies" : fmt::format("{}s", noun),
                                         joined(known));
    }
    refuse(ErrorCode::not_found, where, fmt::format("no {} is called \"{}\"", noun, name),
           std::move(hint));
  }

  void header() {
    const Header& h = file_.header;
    const std::string tail = h.start.substr(4);
    if (tail != "-01-01" && tail != "-04-01" && tail != "-07-01" && tail != "-10-01") {
      refuse(ErrorCode::range, place_of(h, "start"),
             fmt::format("start {} is not the first day of a quarter", h.start),
             fmt::format("for example start = {}-01-01", h.start.substr(0, 4)));
    }
    const auto some = [&](bool any, std::string_view noun) {
      if (any) return;
      refuse(ErrorCode::not_found, h.where, fmt::format("the scenario has no [[{}]]", noun),
             "docs/guide/procure.md shows a whole scenario");
    };
    some(!file_.workloads.empty(), "workload");
    some(!file_.systems.empty(), "system");
    const bool stands =
        std::ranges::any_of(file_.systems,
                            [](const SystemLine& s) { return s.can_buy || !s.owned.empty(); }) ||
        !file_.leases.empty();
    if (stands && file_.sites.empty()) {
      refuse(ErrorCode::not_found, h.where, "what is bought or owned has no [[site]] to stand at",
             "add a [[site]], or can_buy = false to what is only rented");
    }
    if (h.goal == "served" && h.budget_usd.empty()) {
      refuse(ErrorCode::conflict, place_of(h, "goal"),
             "goal \"served\" needs budget_usd: without one everything is served",
             "add: budget_usd = [1e9, 1e9, 1e9]");
    }
    own_share();
  }

  void own_share() {
    const Header& h = file_.header;
    if (!h.own_share_from.empty() && !within_plan(h.own_share_from)) {
      refuse(ErrorCode::range, place_of(h, "own_share_from"),
             fmt::format("own_share_from {} lies after the plan's last quarter", h.own_share_from),
             fmt::format("the plan has {} quarters from {}", h.quarters, h.start));
    }
    const bool any = std::ranges::any_of(file_.systems, &SystemLine::own_silicon);
    if (h.own_share.value_or(0) > 0 && !any) {
      refuse(ErrorCode::conflict, place_of(h, "own_share"),
             "own_share asks for own silicon, but no system is",
             "add: own_silicon = true to a [[system]]");
    }
  }

  [[nodiscard]] bool within_plan(const std::string& day) const {
    return quarter_of(day, file_.header.start) < file_.header.quarters;
  }

  /// Whether any system of the file may run an architecture: one that the catalog does not know
  /// may.
  [[nodiscard]] bool some_system_is(const std::string& architecture) const {
    return std::ranges::any_of(file_.systems, [&](const SystemLine& s) {
      const catalog::System* unit = catalog_.find_system(s.system);
      return unit == nullptr || architecture_of(*unit, catalog_) == architecture;
    });
  }

  void demand(const WorkloadLine& w) {
    if (w.demand_gtokens.empty() == w.demand_chip_hours.empty()) {
      refuse(
          ErrorCode::conflict, w.where,
          fmt::format("workload \"{}\" needs either demand_gtokens or demand_chip_hours", w.name),
          w.demand_gtokens.empty() ? "add: demand_gtokens = [1000, 1200], by quarter"
                                   : "keep one of the two");
    }
    if (!w.demand_chip_hours.empty() && w.demand_system.empty()) {
      refuse(ErrorCode::not_found, place_of(w, "demand_chip_hours"),
             fmt::format("workload \"{}\": chip-hours of which system?", w.name),
             "add: demand_system = \"NAME\", the name of a [[system]]");
    } else if (!w.demand_chip_hours.empty()) {
      known(w.demand_system, names_of(file_.systems), "system", place_of(w, "demand_system"));
    } else if (!w.demand_system.empty()) {
      refuse(ErrorCode::conflict, place_of(w, "demand_system"),
             fmt::format("workload \"{}\" counts tokens: demand_system says nothing", w.name),
             "leave it out, or count in demand_chip_hours");
    }
    const bool for_cost = file_.header.goal == "cost";
    if (for_cost && !w.must_serve && w.unserved_usd_per_mtoken.value_or(0) <= 0) {
      refuse(ErrorCode::conflict, w.where,
             fmt::format("workload \"{}\" costs nothing when it is not served", w.name),
             "add unserved_usd_per_mtoken, or must_serve = true");
    }
  }

  void workload(const WorkloadLine& w) {
    demand(w);
    const bool trains = w.kind == "train";
    for (const std::string_view key : trains ? std::span<const std::string_view>(serving_keys)
                                             : std::span<const std::string_view>(training_keys)) {
      if (!w.places.contains(key)) continue;
      refuse(ErrorCode::conflict, place_of(w, key),
             fmt::format("workload \"{}\" {}: {} says nothing there", w.name,
                         trains ? "trains" : "serves", key),
             fmt::format("leave it out, or write kind = \"{}\"", trains ? "serve" : "train"));
    }
    if (!trains && w.cached > w.input) {
      refuse(ErrorCode::range, place_of(w, "cached"),
             fmt::format("cached = {} is more than the prompt of {} tokens", w.cached, w.input),
             "cached counts tokens of the prompt");
    }
    const bool runs = some_system_is(w.architecture);
    if (!runs && w.ports.empty()) {
      refuse(ErrorCode::conflict, place_of(w, "architecture"),
             fmt::format("workload \"{}\" runs on {}, which no system is", w.name, w.architecture),
             "add a [[system]] of it, or a [[workload.port]] to what there is");
    } else if (!runs && w.must_serve && w.insist_share.value_or(0) > 0) {
      refuse(ErrorCode::conflict, place_of(w, "insist_share"),
             fmt::format("a part of workload \"{}\" insists on {}, which no system is", w.name,
                         w.architecture),
             "add a [[system]] of it, or leave insist_share or must_serve out");
    }
    for (std::size_t i = 0; i < w.ports.size(); ++i) port(w, i);
  }

  void port(const WorkloadLine& w, std::size_t index) {
    const PortLine& port = w.ports[index];
    const Where where = place_of(port, "architecture");
    if (port.architecture == w.architecture) {
      refuse(ErrorCode::conflict, where,
             fmt::format("workload \"{}\" is ported to what it runs on already", w.name),
             "leave this port out");
    } else if (!some_system_is(port.architecture)) {
      refuse(ErrorCode::conflict, where,
             fmt::format("workload \"{}\" is ported to {}, which no system is", w.name,
                         port.architecture),
             "add a [[system]] of it, or leave this port out");
    }
    for (std::size_t k = 0; k < index; ++k) {
      if (w.ports[k].architecture != port.architecture) continue;
      refuse(ErrorCode::conflict, where,
             fmt::format("workload \"{}\" is ported to {} twice", w.name, port.architecture),
             fmt::format("the first stands in line {}", w.ports[k].where.line));
      break;
    }
  }

  void breaks(const std::string& of, const std::vector<BreakLine>& steps) {
    double last = 1, from = 0;
    for (const BreakLine& step : steps) {
      if (step.price_multiplier.value > last || step.from_chips.value < from) {
        refuse(ErrorCode::range, step.where,
               fmt::format("price breaks of \"{}\" must fall as chips rise", of),
               "write them from the smallest number of chips to the largest");
      }
      last = step.price_multiplier.value;
      from = step.from_chips.value;
    }
  }

  void system(const SystemLine& s) {
    if (catalog_.find_system(s.system) == nullptr) {
      std::string hint = did_you_mean(catalog_.near(s.system));
      if (hint.empty()) hint = "see `tightrope catalog list systems`";
      refuse(ErrorCode::not_found, place_of(s, "system"),
             fmt::format("unknown system \"{}\"", s.system), std::move(hint));
    }
    names(s.routes, "route");
    for (const RouteLine& one : s.routes) route(s, one);
    breaks(s.name, s.breaks);
    for (std::size_t i = 1; i < s.resale_by_age.size(); ++i) {
      if (s.resale_by_age[i].value <= s.resale_by_age[i - 1].value) continue;
      refuse(ErrorCode::range, s.resale_by_age[i].where,
             fmt::format("resale_by_age of \"{}\" rises from {:g} to {:g}", s.name,
                         s.resale_by_age[i - 1].value, s.resale_by_age[i].value),
             "machines lose value with age");
    }
    for (const OwnedLine& owned : s.owned) {
      if (owned.age_quarters < s.life_quarters) continue;
      refuse(ErrorCode::range, place_of(owned, "age_quarters"),
             fmt::format("owned lots of \"{}\" are {} quarters old, their life is {}", s.name,
                         owned.age_quarters, s.life_quarters),
             "leave them out, or give a longer life_quarters");
    }
    if (s.learning_rate.value_or(0) > 0 && !s.learning_from_chips.known) {
      refuse(ErrorCode::not_found, place_of(s, "learning_rate"),
             fmt::format("\"{}\" learns from how many chips on?", s.name),
             "add: learning_from_chips = 10000, at which the price above holds");
    }
  }

  void route(const SystemLine& s, const RouteLine& route) {
    if (!route.tape_out.empty() && !route.from.empty() && route.from < route.tape_out) {
      refuse(ErrorCode::conflict, place_of(route, "from"),
             fmt::format("\"{}\" of \"{}\" arrives on {}, before its tape-out on {}", s.name,
                         route.name, route.from, route.tape_out),
             "chips come after their tape-out");
    }
    for (const UseLine& use : route.uses) {
      known(use.supply, names_of(file_.supplies), "supply", place_of(use, "supply"));
      if (use.per_chip.known == use.chips_per_unit.known) {
        refuse(ErrorCode::conflict, use.where,
               fmt::format("the use of \"{}\" needs either per_chip or chips_per_unit", use.supply),
               use.per_chip.known ? "keep one of the two" : "add: per_chip = 1");
      }
      if (!use.from.empty() && !use.until.empty() && use.until <= use.from) {
        refuse(ErrorCode::range, place_of(use, "until"),
               fmt::format("the use of \"{}\" ends on {}, before it begins on {}", use.supply,
                           use.until, use.from),
               "until is the first day on which it holds no more");
      }
    }
  }

  void rental(const RentalLine& r) {
    known(r.system, names_of(file_.systems), "system", place_of(r, "system"));
    region(r.region, place_of(r, "region"));
    if (r.usd_per_chip_hour.empty() == r.term.empty()) {
      refuse(
          ErrorCode::conflict, r.where,
          fmt::format("rental \"{}\" needs either usd_per_chip_hour or the catalog's term", r.name),
          r.term.empty() ? "add: usd_per_chip_hour = 3.50" : "keep one of the two");
    } else if (!r.term.empty() && r.region.empty()) {
      refuse(ErrorCode::not_found, place_of(r, "term"),
             fmt::format("rental \"{}\": the catalog's price of which region?", r.name),
             "add: region = \"us-east-1\" (`tightrope catalog list prices` shows them)");
    }
  }

  void lease(const LeaseLine& l) {
    known(l.system, names_of(file_.systems), "system", place_of(l, "system"));
    const auto of = std::ranges::find(file_.systems, l.system, &SystemLine::name);
    if (of != file_.systems.end() && l.term_quarters > of->life_quarters) {
      refuse(ErrorCode::range, place_of(l, "term_quarters"),
             fmt::format("lease \"{}\" runs {} quarters, the life of \"{}\" is {}", l.name,
                         l.term_quarters, l.system, of->life_quarters),
             "give a shorter term, or the system a longer life_quarters");
    }
    breaks(l.name, l.breaks);
    if (!l.from.empty() && !l.until.empty() && l.until <= l.from) {
      refuse(ErrorCode::range, place_of(l, "until"),
             fmt::format("lease \"{}\" can be signed from {} and no more on {}", l.name, l.from,
                         l.until),
             "until is the first day on which it can be signed no more");
    }
    const bool priced = of != file_.systems.end() && of->can_buy;
    if (of != file_.systems.end() && !priced && (l.purchase_share.known || !l.serviced)) {
      refuse(ErrorCode::conflict, l.where,
             fmt::format("lease \"{}\" needs the price of \"{}\", which cannot be bought", l.name,
                         l.system),
             "write serviced = true and leave purchase_share out, or let the system be bought");
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
