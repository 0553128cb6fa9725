// Which numbers of a tuning table are fitted, and how tightly their priors hold them.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/study/calibrate_training.h"

namespace tightrope::study {
namespace {

// One standard deviation of a number's prior: relative for speeds and times, absolute for shares.
struct Spread {
  std::string_view field;
  double sigma;
  bool relative;
};
constexpr Spread spreads[] = {
    // habits
    {"tp_hidden", 0.2, false},
    {"bulk_hidden", 0.15, false},
    {"dp_hidden", 0.2, false},
    {"ep_hidden", 0.2, false},
    {"old_attention_share", 0.25, true},
    {"uneven_head_share", 0.25, true},
    {"steal", 0.1, false},
    {"expert_skew", 0.15, false},
    {"straggler", 0.005, false},
    {"step_fixed_ms", 0.7, true},
    // sustained
    {"wide", 0.12, true},
    {"narrow", 0.12, true},
    {"narrowest", 0.2, true},
    // stacks
    {"pass_share", 0.3, true},
    {"cast_share", 0.5, true},
    {"host_per_kernel_us", 0.5, true},
    {"compute_share", 0.06, true},
    {"attention_share", 0.25, true},
};
constexpr double chip_sigma = 0.08;  // a chip against its architecture

const Spread* spread_of(std::string_view field) {
  for (const Spread& s : spreads) {
    if (s.field == field) return &s;
  }
  return nullptr;
}

template <class Record>
void add_knobs(KnobSet& set, Knob::Kind kind, const std::string& prefix, const std::string& owner,
               std::size_t index, const Record& record,
               const std::vector<step::NumberField<Record>>& fields) {
  for (std::size_t f = 0; f < fields.size(); ++f) {
    const Spread* spread = spread_of(fields[f].name);
    if (spread == nullptr) continue;
    Knob k;
    k.name = fmt::format("{}.{}", prefix, fields[f].name);
    k.kind = kind;
    k.owner = owner;
    k.index = index;
    k.field = f;
    k.prior = record.*fields[f].member;
    k.sigma = kind == Knob::Kind::chip ? chip_sigma : spread->sigma;
    k.relative = spread->relative && k.prior > 0;
    k.low = fields[f].low;
    k.high = fields[f].high;
    set.knobs.push_back(std::move(k));
  }
}

double value_of(const Knob& k, double prior, double z) {
  const double x = k.relative ? prior * std::exp(k.sigma * z) : prior + k.sigma * z;
  return std::clamp(x, k.low, k.high);
}

}  // namespace

KnobSet make_knobs(const step::TuningTable& priors, const std::vector<RowCase>& rows) {
  KnobSet set;
  set.table = priors;
  std::set<std::string> stacks;
  std::map<std::string, std::string> chips;  // id to architecture
  for (const RowCase& row : rows) {
    if (!row.refused.empty()) continue;
    stacks.insert(row.stack);
    chips[row.chip] = row.contexts.front().chip.architecture;
  }
  add_knobs(set, Knob::Kind::habit, "habits", "", 0, priors.habits, step::habit_fields());
  for (std::size_t i = 0; i < priors.sustained.size(); ++i) {
    const step::Sustained& s = priors.sustained[i];
    if (chips.contains(s.architecture)) continue;  // a chip's own record, refined below
    add_knobs(set, Knob::Kind::sustained, "sustained." + s.architecture, s.architecture, i, s,
              step::sustained_fields());
  }
  for (const auto& [chip, architecture] : chips) {
    std::size_t parent = 0;
    for (std::size_t i = 0; i < priors.sustained.size(); ++i) {
      if (priors.sustained[i].architecture == architecture) parent = i;
    }
    std::size_t index = set.table.sustained.size();
    for (std::size_t i = 0; i < priors.sustained.size(); ++i) {
      if (priors.sustained[i].architecture == chip) index = parent = i;  // drawn to what it was
    }
    step::Sustained own = priors.sustained[parent];
    own.architecture = chip;
    const std::size_t first = set.knobs.size();
    add_knobs(set, Knob::Kind::chip, "sustained." + chip, chip, index, own,
              step::sustained_fields());
    for (std::size_t k = first; k < set.knobs.size(); ++k) set.knobs[k].parent = parent;
    if (index != parent) set.table.sustained.push_back(own);
  }
  for (std::size_t i = 0; i < priors.stacks.size(); ++i) {
    const step::Stack& s = priors.stacks[i];
    if (stacks.contains(s.name)) {
      add_knobs(set, Knob::Kind::stack, "stack." + s.name, s.name, i, s, step::stack_fields());
    }
  }
  return set;
}

step::TuningTable table_at(const KnobSet& set, const std::vector<double>& z) {
  TR_CHECK(z.size() == set.knobs.size(), z.size(), set.knobs.size());
  step::TuningTable table = set.table;
  // Architectures stand before the chips that are drawn to them.
  for (std::size_t i = 0; i < z.size(); ++i) {
    const Knob& k = set.knobs[i];
    switch (k.kind) {
      case Knob::Kind::habit:
        table.habits.*step::habit_fields()[k.field].member = value_of(k, k.prior, z[i]);
        break;
      case Knob::Kind::sustained:
        table.sustained[k.index].*step::sustained_fields()[k.field].member =
            value_of(k, k.prior, z[i]);
        break;
      case Knob::Kind::chip: {
        const auto member = step::sustained_fields()[k.field].member;
        table.sustained[k.index].*member = value_of(k, table.sustained[k.parent].*member, z[i]);
        break;
      }
      case Knob::Kind::stack:
        table.stacks[k.index].*step::stack_fields()[k.field].member = value_of(k, k.prior, z[i]);
        break;
    }
  }
  return table;
}

}  // namespace tightrope::study
