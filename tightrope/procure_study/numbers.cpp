// Numbers with ends of their own: what each of them scales in the optimizer's scenario.
#include <algorithm>
#include <functional>
#include <span>
#include <variant>

#include <fmt/format.h>

#include "tightrope/procure_study/fields.h"
#include "tightrope/procure_study/resolve.h"

namespace tightrope::procure_study {
namespace {

using procure::Scales;

/// A key whose ends reach the futures. `part`: what it is a part of, by which its ends shrink.
enum class Part { whole, price, ports };
struct Reach {
  std::string_view table, key;
  Scales scales;
  Part part = Part::whole;
};
constexpr Reach reaches[] = {
    {"workload", "demand_gtokens", Scales::demand},
    {"workload", "demand_chip_hours", Scales::demand},
    {"workload", "unserved_usd_per_mtoken", Scales::penalty},
    {"port", "cost_usd", Scales::port_cost, Part::ports},
    {"supply", "per_quarter", Scales::resource},
    {"supply", "share", Scales::resource},
    {"system", "chip_usd", Scales::purchase_price, Part::price},
    {"system", "memory_usd", Scales::purchase_price, Part::price},
    {"system", "host_usd", Scales::purchase_price, Part::price},
    {"system", "most_chips", Scales::supply},
    {"system", "upkeep_a_year", Scales::upkeep},
    {"system", "failures_a_year", Scales::repair},
    {"system", "repair_share", Scales::repair},
    {"system", "install_usd", Scales::install},
    {"system", "resale_by_age", Scales::resale},
    {"rental", "usd_per_chip_hour", Scales::rental_price},
    {"lease", "usd_per_chip_month", Scales::lease_price},
    {"lease", "hand_back_usd", Scales::hand_back},
    {"lease", "purchase_share", Scales::buy_out},
    {"site", "power_mw", Scales::power},
    {"site", "usd_per_kwh", Scales::electricity},
    {"site", "carbon_g_per_kwh", Scales::carbon},
};

constexpr double least = 1e-3;  // of a value: a multiple of nothing is none

/// The number that has ends; of a series the first one: its ends hold for all quarters, as shares.
const Given* with_ends(std::span<const Given> numbers) {
  for (const Given& one : numbers) {
    if (one.known && one.value > 0 && one.low < one.high) return &one;
  }
  return nullptr;
}

/// Where a number stands.
struct Place {
  std::string_view table;
  std::string of;
  int index;
  double part;  ///< of what the key is a part of

  [[nodiscard]] std::string name(std::string_view key) const {
    return of.empty() ? std::string(key) : fmt::format("{} of {}", key, of);
  }
};

double share(double part, double all) { return all > 0 ? part / all : 1; }

/// Shows every number of a file, or all numbers of a list, to somebody.
class Tour {
 public:
  using Visit = std::function<void(const Place&, std::string_view key, std::span<const Given>)>;
  Tour(const File& file, Visit visit) : file_(file), visit_(std::move(visit)) {}

  void run() {
    lines(file_.workloads, "workload");
    for (std::size_t w = 0; w < file_.workloads.size(); ++w) {
      const WorkloadLine& line = file_.workloads[w];
      double all = 0;
      for (const PortLine& port : line.ports) all += port.cost_usd.value_or(0);
      for (const PortLine& port : line.ports) {
        const std::string of = fmt::format("{} to {}", line.name, port.architecture);
        record(port, {"port", of, static_cast<int>(w), share(port.cost_usd.value_or(0), all)});
      }
    }
    lines(file_.supplies, "supply");
    for (std::size_t s = 0; s < file_.systems.size(); ++s) system(s);
    lines(file_.rentals, "rental");
    lines(file_.leases, "lease");
    for (const LeaseLine& line : file_.leases) {
      for (const BreakLine& one : line.breaks) record(one, {"break", line.name, 0, 1});
    }
    lines(file_.sites, "site");
    record(file_.header, {"", "", 0, 1});
  }

 private:
  template <class Line>
  void lines(const std::vector<Line>& list, std::string_view table) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      record(list[i], {table, list[i].name, static_cast<int>(i), 1});
    }
  }

  void system(std::size_t index) {
    const SystemLine& line = file_.systems[index];
    record(line, {"system", line.name, static_cast<int>(index), 1});
    for (const RouteLine& route : line.routes) {
      const std::string of = fmt::format("{} from {}", line.name, route.name);
      record(route, {"route", of, 0, 1});
      for (const UseLine& use : route.uses) {
        record(use, {"use", fmt::format("{} by {}", use.supply, of), 0, 1});
      }
    }
    for (const BreakLine& one : line.breaks) record(one, {"break", line.name, 0, 1});
  }

  template <class Line>
  void record(const Line& line, const Place& place) {
    for (const Field<Line>& field : fields<Line>()) {
      if (const auto* one = std::get_if<Given Line::*>(&field.member)) {
        visit_(place, field.doc.name, {&(line.**one), 1});
      }
      if (const auto* all = std::get_if<Series Line::*>(&field.member)) {
        visit_(place, field.doc.name, line.**all);
      }
    }
  }

  const File& file_;
  Visit visit_;
};

/// What a part is of the whole price of the first quarter.
double price_part(std::string_view key, const SystemLine& line) {
  const double chip = at(line.chip_usd, 0, 0);
  const double memory = at(line.memory_usd, 0, 0);
  const double host = at(line.host_usd, 0, 0);
  const double part = key == "chip_usd" ? chip : key == "memory_usd" ? memory : host;
  return share(part, chip + memory + host);
}

}  // namespace

std::vector<procure::UncertainNumber> uncertain_numbers(const File& file,
                                                        std::vector<std::string>& notes) {
  std::vector<procure::UncertainNumber> out;
  Tour(file, [&](const Place& place, std::string_view key, std::span<const Given> numbers) {
    const Given* given = with_ends(numbers);
    if (given == nullptr) return;
    const std::string name = place.name(key);
    const auto* reach = std::ranges::find_if(
        reaches, [&](const Reach& r) { return r.table == place.table && r.key == key; });
    if (reach == std::ranges::end(reaches)) {
      notes.push_back(fmt::format("{}: its low and high are shown, no future draws them", name));
      return;
    }
    const double part = reach->part == Part::price
                            ? price_part(key, file.systems[static_cast<std::size_t>(place.index)])
                            : place.part;
    const auto multiple = [&](double end) {
      return std::max(least, 1 + part * (end / given->value - 1));
    };
    out.push_back({name, reach->scales, place.index, multiple(given->low), multiple(given->high)});
  }).run();
  return out;
}

std::vector<SourcedNumber> sourced_numbers(const File& file) {
  std::vector<SourcedNumber> out;
  Tour(file, [&](const Place& place, std::string_view key, std::span<const Given> numbers) {
    for (const Given& one : numbers) {
      if (!one.source.empty()) out.push_back({place.name(key), &one});
    }
  }).run();
  return out;
}

}  // namespace tightrope::procure_study
