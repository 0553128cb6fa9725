#include "tightrope/study/plan_mapping.h"

#include <algorithm>
#include <charconv>
#include <string>

#include <fmt/format.h>

namespace tightrope::study {
namespace {

using step::Mapping;

// A member that is added to Mapping has to be added to the words here and to the tables below.
static_assert(sizeof(Mapping) == 80, "teach plan_mapping.cpp and plan_json.cpp the new member");

constexpr int most = 1 << 20;  // of any number in a mapping

// "tp8": a name and a whole number.
struct NumberWord {
  std::string_view prefix;
  int Mapping::* member;
};
constexpr NumberWord number_words[] = {
    {"tp", &Mapping::tp},
    {"cp", &Mapping::cp},
    {"pp", &Mapping::pp},
    {"dp", &Mapping::dp},
    {"ep", &Mapping::ep},
    {"etp", &Mapping::etp},
    {"vp", &Mapping::vp},
    {"mbs", &Mapping::micro_batch},
    {"first", &Mapping::first_stage_layers},
    {"last", &Mapping::last_stage_layers},
    {"shard", &Mapping::shard_ranks},
    {"x", &Mapping::recompute_layers},
    {"off-a", &Mapping::offload_layers},
};

// A word that sets something by itself.
struct Word {
  std::string_view text;
  void (*set)(Mapping&);
};
const Word words[] = {
    {"zero0", [](Mapping& m) { m.sharding = step::Sharding::none; }},
    {"zero1", [](Mapping& m) { m.sharding = step::Sharding::optimizer; }},
    {"zero2", [](Mapping& m) { m.sharding = step::Sharding::gradients; }},
    {"zero3", [](Mapping& m) { m.sharding = step::Sharding::full; }},
    {"zb", [](Mapping& m) { m.schedule = step::Schedule::zero_bubble; }},
    {"sp", [](Mapping& m) { m.tp_comm = step::TpComm::sequence_parallel; }},
    {"ar", [](Mapping& m) { m.tp_comm = step::TpComm::all_reduce; }},
    {"tp-ring", [](Mapping& m) { m.tp_overlap = step::TpOverlap::ring; }},
    {"tp-bulk", [](Mapping& m) { m.tp_overlap = step::TpOverlap::bulk; }},
    {"keep-gathered", [](Mapping& m) { m.regather = false; }},
    {"p2p-whole", [](Mapping& m) { m.p2p_scatter = false; }},
    {"tp-nic", [](Mapping& m) { m.tp_scaleout = true; }},
    {"pp-nic", [](Mapping& m) { m.pp_scaleout = true; }},
    {"dp-nic", [](Mapping& m) { m.dp_scaleout = true; }},
    {"dp-exposed", [](Mapping& m) { m.dp_overlap = false; }},
    {"ep-overlap", [](Mapping& m) { m.ep_overlap = true; }},
    {"graph", [](Mapping& m) { m.graph = true; }},
    {"off-w", [](Mapping& m) { m.offload_weights = true; }},
    {"off-a", [](Mapping& m) { m.offload_activations = true; }},
    {"off-o", [](Mapping& m) { m.offload_optimizer = true; }},
};

// "capacity1.25": the one part that is no whole number.
bool read_capacity(std::string_view word, Mapping& mapping) {
  constexpr std::string_view prefix = "capacity";
  if (!word.starts_with(prefix)) return false;
  word.remove_prefix(prefix.size());
  double value = 0;
  const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (status != std::errc() || end != word.data() + word.size() || !(value > 0)) return false;
  mapping.capacity_factor = value;
  return true;
}

bool read_number_word(std::string_view word, Mapping& mapping) {
  const std::string_view all_to_all = "(a2a)";
  if (word.starts_with("cp") && word.ends_with(all_to_all)) {
    mapping.cp_kind = step::CpKind::all_to_all;
    word.remove_suffix(all_to_all.size());
  }
  for (const NumberWord& n : number_words) {
    if (!word.starts_with(n.prefix)) continue;
    const std::string_view digits = word.substr(n.prefix.size());
    int value = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (status != std::errc() || end != digits.data() + digits.size() || value < 1 || value > most)
      continue;
    mapping.*n.member = value;
    if (n.member == &Mapping::offload_layers) mapping.offload_activations = true;
    return true;
  }
  return false;
}

Result<void> read_word(std::string_view word, Mapping& mapping) {
  constexpr std::string_view recompute = "recompute=";
  if (word.starts_with(recompute)) {
    TR_TRY(mapping.recompute, recompute_from_text(word.substr(recompute.size())));
    return {};
  }
  for (const Word& w : words) {
    if (w.text != word) continue;
    w.set(mapping);
    return {};
  }
  if (read_capacity(word, mapping) || read_number_word(word, mapping)) return {};
  return fail(ErrorCode::syntax, fmt::format("\"{}\" is no part of a mapping", word), {},
              "a mapping reads like \"tp8 pp16 dp64 mbs1 vp4 zero1 sp recompute=full\"");
}

}  // namespace

Result<step::Mapping> mapping_from_text(std::string_view text) {
  Mapping mapping;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) TR_TRY_VOID(read_word(text.substr(0, end), mapping));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return mapping;
}

Result<workload::ModuleSet> recompute_from_text(std::string_view text) {
  workload::ModuleSet set;
  if (text == "none") return set;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('+'), text.size());
    const auto module = workload::recompute_module_from(text.substr(0, end));
    if (!module) {
      std::string known;
      for (workload::RecomputeModule m : workload::all_recompute_modules()) {
        known += fmt::format("{}{}", known.empty() ? "" : ", ", workload::to_string(m));
      }
      return fail(ErrorCode::syntax,
                  fmt::format("\"{}\" cannot be recomputed", text.substr(0, end)), {},
                  "choose none, full, or some of " + known + " joined by '+'");
    }
    set = set | *module;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return set;
}

const std::vector<MappingNumber>& mapping_numbers() {
  static const std::vector<MappingNumber> fields = {
      {"tp", &Mapping::tp},
      {"cp", &Mapping::cp},
      {"pp", &Mapping::pp},
      {"dp", &Mapping::dp},
      {"ep", &Mapping::ep},
      {"etp", &Mapping::etp},
      {"vp", &Mapping::vp},
      {"micro_batch", &Mapping::micro_batch},
      {"first_stage_layers", &Mapping::first_stage_layers},
      {"last_stage_layers", &Mapping::last_stage_layers},
      {"recompute_layers", &Mapping::recompute_layers},
      {"offload_layers", &Mapping::offload_layers},
      {"shard_ranks", &Mapping::shard_ranks},
  };
  return fields;
}

const std::vector<MappingSwitch>& mapping_switches() {
  static const std::vector<MappingSwitch> fields = {
      {"regather", &Mapping::regather},
      {"p2p_scatter", &Mapping::p2p_scatter},
      {"dp_overlap", &Mapping::dp_overlap},
      {"ep_overlap", &Mapping::ep_overlap},
      {"graph", &Mapping::graph},
      {"offload_weights", &Mapping::offload_weights},
      {"offload_activations", &Mapping::offload_activations},
      {"offload_optimizer", &Mapping::offload_optimizer},
      {"tp_scaleout", &Mapping::tp_scaleout},
      {"pp_scaleout", &Mapping::pp_scaleout},
      {"dp_scaleout", &Mapping::dp_scaleout},
  };
  return fields;
}

}  // namespace tightrope::study
