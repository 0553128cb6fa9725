// What records must say about each other: names that exist, shapes that add up, no doubles.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "tightrope/catalog/loader.h"
#include "tightrope/catalog/names.h"

namespace tightrope::catalog {
namespace {

class Checker {
 public:
  Checker(const Catalog& catalog, std::vector<Error>& faults)
      : catalog_(catalog), faults_(faults) {}

  void check(const Layer& layer);

 private:
  template <class Record>
  void check_names(const std::vector<Record>& all, const std::vector<Placed<Record>>& layer);
  void check_chip(const Placed<Chip>& placed);
  void check_system(const Placed<System>& placed);
  void check_shape(const Placed<System>& placed);
  void check_wires(const Placed<System>& placed);
  void check_network(const Placed<Network>& placed);
  void check_price(const Placed<Price>& placed);
  void check_doubles(const std::vector<Placed<Price>>& prices);
  void check_claim(const Placed<Claim>& placed);

  void fault(ErrorCode code, std::string what, Where where, std::string hint) {
    faults_.push_back({code, std::move(what), std::move(where), std::move(hint)});
  }

  template <class Record>
  std::string meant(std::string_view name, const std::vector<Record>& records,
                    std::string otherwise) const {
    std::vector<std::string> known;
    known.reserve(records.size());
    for (const Record& r : records) known.push_back(r.name);
    std::string hint = did_you_mean(near_names(name, known, 2));
    return hint.empty() ? std::move(otherwise) : hint;
  }

  const Catalog& catalog_;
  std::vector<Error>& faults_;
};

template <class Record>
void Checker::check_names(const std::vector<Record>& all,
                          const std::vector<Placed<Record>>& layer) {
  std::map<std::string, const Placed<Record>*> by_name;
  for (const Placed<Record>& placed : layer) by_name[placed.record.name] = &placed;
  // Systems of different chips may share an alias: a table names the chip beside it.
  const auto key_of = [](const Record& record, const std::string& name) {
    if constexpr (requires { record.chip; }) return record.chip + '/' + folded(name);
    return folded(name);
  };
  std::map<std::string, std::string> owner;
  for (const Record& record : all) owner[key_of(record, record.name)] = record.name;
  for (const Record& record : all) {
    for (const std::string& alias : record.aliases) {
      const auto [at, fresh] = owner.try_emplace(key_of(record, alias), record.name);
      if (fresh || at->second == record.name) continue;
      auto placed = by_name.find(record.name);
      if (placed == by_name.end()) placed = by_name.find(at->second);
      if (placed == by_name.end()) continue;
      const std::string& other = placed->first == record.name ? at->second : record.name;
      fault(ErrorCode::conflict, fmt::format("alias \"{}\" already names \"{}\"", alias, other),
            placed->second->at("aliases"),
            fmt::format("take another alias, or replace \"{}\" by a file of that name", other));
    }
  }
}

void Checker::check_chip(const Placed<Chip>& placed) {
  const Chip& chip = placed.record;
  if (!chip.reference_system.empty() && catalog_.find_system(chip.reference_system) == nullptr) {
    fault(ErrorCode::not_found, fmt::format("unknown system \"{}\"", chip.reference_system),
          placed.at("reference_system"),
          meant(chip.reference_system, catalog_.systems(),
                fmt::format("add systems/{}.toml", chip.reference_system)));
  }
  static constexpr std::string_view kinds[] = {"gpu", "trainium", "tpu", "gaudi", "cpu"};
  if (!chip.kind.empty() && std::ranges::find(kinds, chip.kind) == std::end(kinds)) {
    fault(ErrorCode::range, fmt::format("kind \"{}\" is not known", chip.kind), placed.at("kind"),
          "one of: gpu, trainium, tpu, gaudi, cpu");
    return;
  }
  if (chip.kind == "cpu" || chip.kind.empty() || chip.status == Status::announced) return;
  const struct {
    bool known;
    const char* name;
  } needed[] = {{chip.peak[DType::bf16].known, "peak_bf16"},
                {chip.hbm.known, "hbm"},
                {chip.hbm_bandwidth.known, "hbm_bandwidth"}};
  for (const auto& need : needed) {
    if (need.known || placed.keys.contains(need.name)) continue;
    fault(ErrorCode::not_found, fmt::format("a {} that ships needs \"{}\"", chip.kind, need.name),
          placed.where, "state it, or set status = \"announced\"");
  }
}

void Checker::check_system(const Placed<System>& placed) {
  const System& system = placed.record;
  if (!system.chip.empty() && catalog_.find_chip(system.chip) == nullptr) {
    fault(ErrorCode::not_found, fmt::format("unknown chip \"{}\"", system.chip), placed.at("chip"),
          meant(system.chip, catalog_.chips(), fmt::format("add chips/{}.toml", system.chip)));
  }
  if (!system.network.empty() && catalog_.find_network(system.network) == nullptr) {
    fault(ErrorCode::not_found, fmt::format("unknown network \"{}\"", system.network),
          placed.at("network"),
          meant(system.network, catalog_.networks(),
                fmt::format("add networks/{}.toml", system.network)));
  }
  check_wires(placed);
  if (system.chips > 0 && system.chips_per_node > 0 && system.scaleup_domain > 0) {
    check_shape(placed);
  }
}

void Checker::check_shape(const Placed<System>& placed) {
  const System& s = placed.record;
  if (s.chips % s.chips_per_node != 0) {
    fault(ErrorCode::conflict,
          fmt::format("{} chips do not fill nodes of {}", s.chips, s.chips_per_node),
          placed.at("chips_per_node"), "chips must be a multiple of chips_per_node");
  }
  if (s.chips % s.scaleup_domain != 0) {
    fault(ErrorCode::conflict,
          fmt::format("{} chips do not fill scale-up domains of {}", s.chips, s.scaleup_domain),
          placed.at("scaleup_domain"), "chips must be a multiple of scaleup_domain");
  }
  if (placed.broken.contains("topology") || placed.broken.contains("torus")) return;
  if ((s.topology == ScaleupTopology::none) != (s.scaleup_domain == 1)) {
    fault(ErrorCode::conflict,
          fmt::format("topology and a scale-up domain of {} chips contradict each other",
                      s.scaleup_domain),
          placed.at("topology"), "topology is \"none\" exactly when scaleup_domain is 1");
  }
  const std::size_t wanted = s.topology == ScaleupTopology::torus2d   ? 2
                             : s.topology == ScaleupTopology::torus3d ? 3
                                                                      : 0;
  if (s.torus.size() != wanted) {
    fault(ErrorCode::conflict,
          fmt::format("this topology takes {} extents of torus, not {}", wanted, s.torus.size()),
          placed.keys.contains("torus") ? placed.at("torus") : placed.at("topology"),
          "torus2d takes two extents, torus3d three, the others none");
    return;
  }
  const int product = std::accumulate(s.torus.begin(), s.torus.end(), 1, std::multiplies<>());
  if (wanted > 0 && product != s.scaleup_domain) {
    fault(
        ErrorCode::conflict,
        fmt::format("the torus holds {} chips, scaleup_domain says {}", product, s.scaleup_domain),
        placed.at("torus"), "the extents multiply to scaleup_domain");
  }
}

void Checker::check_wires(const Placed<System>& placed) {
  const System& s = placed.record;
  if (placed.broken.contains("topology")) return;
  const std::string_view keys[] = {"torus_x_bandwidth", "torus_y_bandwidth", "torus_z_bandwidth"};
  std::size_t given = 0;
  for (const std::string_view key : keys) given += placed.keys.contains(key) ? 1 : 0;
  if (given > 0 && given != s.torus.size()) {
    fault(
        ErrorCode::conflict,
        fmt::format("{} of the {} dimensions of the torus have a bandwidth", given, s.torus.size()),
        placed.where, "give torus_x_bandwidth and so on for every dimension, or for none");
  }
  if (placed.keys.contains("scaleup_switches") && s.topology != ScaleupTopology::switched) {
    fault(ErrorCode::conflict, "scaleup_switches without a switched topology",
          placed.at("scaleup_switches"), "only topology \"switched\" has switches");
  }
}

void Checker::check_network(const Placed<Network>& placed) {
  const Network& n = placed.record;
  if (n.tiers == 3 && !placed.keys.contains("nodes_per_pod")) {
    fault(ErrorCode::not_found, "a network of three tiers needs \"nodes_per_pod\"", placed.where,
          "state it, or set tiers = 2");
  }
  if (n.nodes_per_pod.known && n.nodes_per_leaf.known &&
      std::fmod(n.nodes_per_pod.value, n.nodes_per_leaf.value) != 0.0) {
    fault(ErrorCode::conflict, "leaves do not fill pods", placed.at("nodes_per_pod"),
          "nodes_per_pod must be a multiple of nodes_per_leaf");
  }
}

void Checker::check_price(const Placed<Price>& placed) {
  const Price& price = placed.record;
  if (!price.system.empty() && catalog_.find_system(price.system) == nullptr) {
    fault(
        ErrorCode::not_found, fmt::format("unknown system \"{}\"", price.system),
        placed.at("system"),
        meant(price.system, catalog_.systems(), fmt::format("add systems/{}.toml", price.system)));
  }
  if (!price.region.empty() && catalog_.find_region(price.region) == nullptr) {
    fault(
        ErrorCode::not_found, fmt::format("unknown region \"{}\"", price.region),
        placed.at("region"),
        meant(price.region, catalog_.regions(), fmt::format("add regions/{}.toml", price.region)));
  }
  if (placed.broken.contains("term")) return;
  const bool purchase = price.term == Term::purchase;
  const char* names[2][2] = {{"per_chip", "per_unit"}, {"purchase_per_chip", "purchase_per_unit"}};
  int given = 0;
  for (const char* name : names[purchase ? 1 : 0]) given += placed.keys.contains(name) ? 1 : 0;
  if (given != 1) {
    fault(ErrorCode::conflict,
          fmt::format("a price of term \"{}\" needs one of {} and {}", to_string(price.term),
                      names[purchase ? 1 : 0][0], names[purchase ? 1 : 0][1]),
          placed.where, given == 0 ? "add the one that was published" : "keep the published one");
  }
  for (const char* name : names[purchase ? 0 : 1]) {
    if (!placed.keys.contains(name)) continue;
    fault(ErrorCode::conflict,
          fmt::format("{} does not go with term \"{}\"", name, to_string(price.term)),
          placed.at(name), "purchase_per_* belongs to term \"purchase\", per_* to the others");
  }
}

void Checker::check_doubles(const std::vector<Placed<Price>>& prices) {
  std::map<std::string, const Placed<Price>*> seen;
  for (const Placed<Price>& placed : prices) {
    const Price& p = placed.record;
    if (p.from().as_of.empty()) continue;
    const std::string key = fmt::format("{} {} {} {} {}", p.provider, p.region, p.system,
                                        to_string(p.term), p.from().as_of);
    const auto [at, fresh] = seen.try_emplace(key, &placed);
    if (fresh) continue;
    fault(ErrorCode::conflict, fmt::format("two prices of {}", key), placed.where,
          fmt::format("the other stands at {}:{}; put one under alternatives",
                      at->second->where.file, at->second->where.line));
  }
}

void Checker::check_claim(const Placed<Claim>& placed) {
  const std::string& id = placed.record.from.source;
  if (id.empty() || catalog_.find_source(id) != nullptr) return;
  std::vector<std::string> ids;
  for (const Source& s : catalog_.sources()) ids.push_back(s.id);
  std::string hint = did_you_mean(near_names(id, ids, 2));
  if (hint.empty()) hint = "add it to sources.toml with title, locator and as_of";
  fault(ErrorCode::not_found, fmt::format("unknown source \"{}\"", id), placed.at("source"),
        std::move(hint));
}

void Checker::check(const Layer& layer) {
  check_names(catalog_.chips(), layer.chips);
  check_names(catalog_.systems(), layer.systems);
  for (const auto& placed : layer.chips) check_chip(placed);
  for (const auto& placed : layer.systems) check_system(placed);
  for (const auto& placed : layer.networks) check_network(placed);
  for (const auto& placed : layer.prices) check_price(placed);
  check_doubles(layer.prices);
  for (const auto& placed : layer.claims) check_claim(placed);
  for (const auto& placed : layer.regions) {
    for (const std::string& area : placed.record.within) {
      if (catalog_.find_region(area) != nullptr) continue;
      fault(ErrorCode::not_found, fmt::format("unknown price area \"{}\"", area),
            placed.at("within"),
            meant(area, catalog_.regions(), fmt::format("add regions/{}.toml", area)));
    }
  }
}

}  // namespace

void check_layer(const Layer& layer, const Catalog& catalog, std::vector<Error>& faults) {
  Checker(catalog, faults).check(layer);
}

}  // namespace tightrope::catalog
