// A procurement study as JSON.
#include <type_traits>

#include <nlohmann/json.hpp>

#include "tightrope/report/procure_report.h"

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;
using procure::Answer;
using procure::Scenario;

json speeds_of(const procure_study::Resolved& study) {
  json out = json::array();
  for (std::size_t w = 0; w < study.file.workloads.size(); ++w) {
    for (std::size_t s = 0; s < study.file.systems.size(); ++s) {
      const procure_study::Speed& speed = study.speeds.speeds[w][s];
      json one = {{"workload", study.file.workloads[w].name},
                  {"system", study.file.systems[s].name},
                  {"feasible", speed.feasible}};
      if (speed.feasible) {
        one["tokens_per_s"] = speed.of_chip.raw();
        one["low90_tokens_per_s"] = speed.of_chip.raw() * speed.low90;
        one["high90_tokens_per_s"] = speed.of_chip.raw() * speed.high90;
        one["energy_j_per_token"] = speed.energy.raw();
        one["chips"] = speed.chips;
        one["format"] = speed.format;
        one["mapping"] = speed.mapping;
      } else {
        one["reason"] = speed.reason;
      }
      out.push_back(std::move(one));
    }
  }
  return out;
}

json facts_of(const procure_study::Resolved& study) {
  json out = json::array();
  for (const procure_study::FactLine& fact : study.file.facts) {
    out.push_back({{"name", fact.name},
                   {"text", fact.text},
                   {"value", fact.value.known ? json(fact.value.value) : json(nullptr)},
                   {"unit", fact.unit},
                   {"source", fact.source},
                   {"as_of", fact.as_of},
                   {"grade", fact.grade},
                   {"used_in", fact.used_in}});
  }
  return out;
}

json numbers_of(const procure_study::Resolved& study) {
  json out = json::array();
  for (const procure_study::SourcedNumber& one : sourced_numbers(study.file)) {
    const procure_study::Given& g = *one.given;
    out.push_back({{"number", one.name},
                   {"value", g.value},
                   {"low", g.low},
                   {"high", g.high},
                   {"source", g.source},
                   {"as_of", g.as_of},
                   {"grade", g.grade},
                   {"note", g.note}});
  }
  return out;
}

json mix_of(const Scenario& s, const Answer& answer) {
  json out = json::array();
  for (const procure::MixRow& m : answer.mix) {
    const procure::System& system = s.systems[static_cast<std::size_t>(m.system)];
    const double lot = system.chips_per_lot;
    out.push_back({{"system", system.id},
                   {"quarter", s.calendar.quarters[static_cast<std::size_t>(m.quarter)]},
                   {"ordered_lots", m.ordered},
                   {"ordered_chips", m.ordered * lot},
                   {"arrived_chips", m.arrived * lot},
                   {"in_service_chips", m.in_service * lot},
                   {"retired_chips", m.retired * lot},
                   {"expired_chips", m.expired * lot},
                   {"placed_chips", m.placed * lot},
                   {"rented_chips", m.rented * lot},
                   {"leased_chips", m.leased * lot},
                   {"bought_out_chips", m.bought_out * lot},
                   {"computing_chips", m.computing * lot}});
  }
  return out;
}

json sites_of(const Scenario& s, const Answer& answer) {
  json out = json::array();
  for (std::size_t i = 0; i < answer.plan.placed.size(); ++i) {
    for (std::size_t x = 0; x < answer.plan.placed[i].size(); ++x) {
      const std::vector<double>& lots = answer.plan.placed[i][x];
      for (std::size_t q = 0; q < lots.size(); ++q) {
        if (lots[q] < 1e-6) continue;
        out.push_back({{"system", s.systems[i].id},
                       {"site", s.sites[x].id},
                       {"quarter", s.calendar.quarters[q]},
                       {"chips", lots[q] * s.systems[i].chips_per_lot}});
      }
    }
  }
  return out;
}

json workloads_of(const Scenario& s, const Answer& answer) {
  json out = json::array();
  for (const procure::WorkloadRow& row : answer.workloads) {
    json quarters = json::array();
    for (std::size_t q = 0; q < row.quarters.size(); ++q) {
      const procure::WorkloadQuarter& one = row.quarters[q];
      json chips = json::object();
      for (std::size_t i = 0; i < one.chips.size(); ++i) {
        if (one.chips[i] > 1e-6) chips[s.systems[i].id] = one.chips[i];
      }
      quarters.push_back({{"quarter", s.calendar.quarters[q]},
                          {"demand_tokens_per_s", one.demand.raw()},
                          {"served_tokens_per_s", one.served.raw()},
                          {"chips", chips}});
    }
    out.push_back({{"workload", s.workloads[static_cast<std::size_t>(row.workload)].id},
                   {"served_share", row.served_share},
                   {"cost_usd", row.cost.raw()},
                   {"unserved_usd", row.unserved.raw()},
                   {"energy_j", row.energy.raw()},
                   {"quarters", quarters}});
  }
  return out;
}

json outcomes_of(const Scenario& s, const Answer& answer) {
  json out = json::array();
  for (const procure::Outcome& one : answer.outcomes) {
    json cash = json::array();
    for (std::size_t q = 0; q < one.cash.size(); ++q) {
      json kinds = {{"quarter", q < s.calendar.quarters.size() ? s.calendar.quarters[q] : "end"}};
      for (std::size_t k = 0; k < one.cash[q].size(); ++k) {
        kinds[std::string(to_string(static_cast<procure::CostKind>(k))) + "_usd"] =
            one.cash[q][k].raw();
      }
      cash.push_back(std::move(kinds));
    }
    out.push_back({{"id", one.id},
                   {"probability", one.probability},
                   {"cost_usd", one.cost.raw()},
                   {"carbon_g", one.carbon.raw()},
                   {"served_share", one.served_share},
                   {"own_share", one.own_share},
                   {"cash", cash}});
  }
  return out;
}

json scarce_of(const Scenario& s, const Answer& answer) {
  json out = json::array();
  for (const procure::Scarcity& one : answer.scarcities) {
    out.push_back(
        {{"limit", to_string(one.kind)},
         {"of", one.subject},
         {"quarter", one.quarter < 0 ? std::string("plan")
                                     : s.calendar.quarters[static_cast<std::size_t>(one.quarter)]},
         {"unit", one.unit},
         {"saves_usd_per_unit", one.value.raw()},
         {"saves_of_goal_per_unit", one.value_of_goal}});
  }
  return out;
}

const char* goal_name(procure::Goal goal) {
  switch (goal) {
    case procure::Goal::cost: return "cost";
    case procure::Goal::carbon: return "carbon";
    case procure::Goal::served: return "served";
    case procure::Goal::independence: return "independence";
  }
  return "?";
}

json rows_of(const ProcureData& data) {
  json out = json::array();
  for (const std::vector<ProcureCell>& row : data.rows) {
    json one = json::object();
    for (std::size_t c = 0; c < data.keys.size(); ++c) {
      one[data.keys[c]] = std::visit(
          [](const auto& cell) -> json {
            if constexpr (std::is_same_v<std::decay_t<decltype(cell)>, std::monostate>) {
              return nullptr;
            } else {
              return cell;
            }
          },
          row[c]);
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::string procure_json(const procure_study::Resolved& study, const Answer& answer,
                         const std::vector<ProcureSection>& extras, std::string_view version) {
  const Scenario& s = study.scenario;
  json out = {{"schema", "tightrope.procure/2"},
              {"version", version},
              {"scenario", study.file.path},
              {"scenario_hash", study.file.hash},
              {"catalog_hash", study.catalog_hash},
              {"title", s.title},
              {"goal", goal_name(s.goal)},
              {"status", to_string(answer.status)},
              {"objective", answer.objective},
              {"bound", answer.bound},
              {"gap", answer.gap},
              {"cost_usd", answer.mean_cost.raw()},
              {"cvar_usd", answer.cvar.raw()},
              {"carbon_g", answer.mean_carbon.raw()},
              {"served_share", answer.served_share},
              {"own_share", answer.own_share},
              {"own_share_of_asked", answer.own_of_asked},
              {"ended_by", to_string(answer.ended)},
              {"conflict", answer.conflict},
              {"mix", mix_of(s, answer)},
              {"sites", sites_of(s, answer)},
              {"workloads", workloads_of(s, answer)},
              {"scarce", scarce_of(s, answer)},
              {"outcomes", outcomes_of(s, answer)},
              {"speeds", speeds_of(study)},
              {"numbers", numbers_of(study)},
              {"notes", study.notes},
              {"facts", facts_of(study)}};
  for (const ProcureSection& section : extras) {
    if (!section.data.name.empty()) out[section.data.name] = rows_of(section.data);
  }
  return out.dump(1) + "\n";
}

}  // namespace tightrope::report
