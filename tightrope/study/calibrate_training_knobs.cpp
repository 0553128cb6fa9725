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
    {"scan_share", 0.5, true},
    {"steal", 0.1, false},
    {"expert_skew", 0.15, false},
    {"straggler", 0.005, false},
    {"step_fixed_ms", 0.7, true},
    // sustained
    {"wide", 0.12, true},
    {"narrow", 0.12, true},
    {"narrowest", 0.2, true},
    {"wide_per_watt", 0.12, true},
    {"chip", 0.06, true},
    // stacks
    {"pass_share", 0.25, true},
    {"cast_share", 0.4, true},
    {"host_per_kernel_us", 0.4, true},
    {"compute_share", 0.05, true},
    {"attention_share", 0.2, true},
};

// What stacks have in common against their priors: all of them, and those of one family.
constexpr std::string_view families[] = {"", "megatron"};
constexpr Spread kin_spreads[] = {
    {"pass_share", 0.2, true},
    {"cast_share", 0.3, true},
    {"host_per_kernel_us", 0.4, true},
    {"attention_share", 0.15, true},
};

const Spread* spread_of(std::string_view field) {
  for (const Spread& s : spreads) {
    if (s.field == field) return &s;
  }
  return nullptr;
}

// What the rows can tell something of: a number no row depends on is not fitted.
struct Told {
  std::set<std::string> stacks, narrow_stacks;
  std::set<std::pair<std::string, double>> widths;  // architecture, bytes an element of products
  std::map<std::string, std::string> chips;         // id to architecture

  explicit Told(const std::vector<RowCase>& rows) {
    for (const RowCase& row : rows) {
      if (!row.refused.empty()) continue;
      const step::Context& c = row.contexts.front();
      stacks.insert(row.stack);
      chips[row.chip] = c.chip.architecture;
      widths.emplace(c.chip.architecture, 2.0);
      if (!c.recipe.quantized) continue;
      narrow_stacks.insert(row.stack);
      widths.emplace(c.chip.architecture, bytes_of(c.recipe.product));
    }
  }
  [[nodiscard]] bool of_architecture(const std::string& name, std::string_view field) const {
    if (field.starts_with("narrowest")) return widths.contains({name, 0.5});
    if (field.starts_with("narrow")) return widths.contains({name, 1.0});
    return field.starts_with("wide") && widths.contains({name, 2.0});
  }
  [[nodiscard]] bool of_stack(const step::Stack& s, std::string_view field) const {
    if (field == "cast_share") return narrow_stacks.contains(s.name);
    if (field == "host_per_kernel_us") return !s.graphs;
    if (field == "attention_share") return s.flash_attention;
    return true;
  }
};

template <class Record, class Wanted>
void add_knobs(KnobSet& set, Knob::Kind kind, const std::string& prefix, const std::string& owner,
               std::size_t index, const Record& record,
               const std::vector<step::NumberField<Record>>& fields, const Wanted& wanted) {
  for (std::size_t f = 0; f < fields.size(); ++f) {
    const Spread* spread = spread_of(fields[f].name);
    if (spread == nullptr || !wanted(fields[f].name)) continue;
    Knob k;
    k.name = fmt::format("{}.{}", prefix, fields[f].name);
    k.kind = kind;
    k.owner = owner;
    k.index = index;
    k.field = f;
    k.prior = record.*fields[f].member;
    k.sigma = spread->sigma;
    k.relative = spread->relative && k.prior > 0;
    k.low = fields[f].low;
    k.high = fields[f].high;
    set.knobs.push_back(std::move(k));
  }
}

void add_kin(KnobSet& set) {
  for (const std::string_view family : families) {
    for (const Spread& s : kin_spreads) {
      Knob k;
      const std::string_view name = family.empty() ? "all" : family;
      k.name = fmt::format("kin.{}.{}", name, s.field);
      k.kind = Knob::Kind::kin;
      k.owner = family;
      while (step::stack_fields()[k.field].name != s.field) ++k.field;
      k.prior = 1;
      k.sigma = s.sigma;
      k.low = 0.2;
      k.high = 5;
      set.knobs.push_back(std::move(k));
    }
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
  const Told told(rows);
  add_knobs(set, Knob::Kind::habit, "habits", "", 0, priors.habits, step::habit_fields(),
            [](std::string_view) { return true; });
  for (std::size_t i = 0; i < priors.sustained.size(); ++i) {
    const step::Sustained& s = priors.sustained[i];
    if (told.chips.contains(s.architecture)) continue;  // a chip's own record, refined below
    add_knobs(set, Knob::Kind::sustained, "sustained." + s.architecture, s.architecture, i, s,
              step::sustained_fields(), [&](std::string_view field) {
                const bool limit = field.ends_with("per_watt");
                return told.of_architecture(s.architecture, field) &&
                       (!limit || s.wide_per_watt > 0);
              });
  }
  for (const auto& [chip, architecture] : told.chips) {
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
              step::sustained_fields(), [](std::string_view field) { return field == "chip"; });
    for (std::size_t k = first; k < set.knobs.size(); ++k) set.knobs[k].parent = parent;
    if (index != parent) set.table.sustained.push_back(own);
  }
  add_kin(set);
  for (std::size_t i = 0; i < priors.stacks.size(); ++i) {
    const step::Stack& s = priors.stacks[i];
    if (!told.stacks.contains(s.name)) continue;
    add_knobs(set, Knob::Kind::stack, "stack." + s.name, s.name, i, s, step::stack_fields(),
              [&](std::string_view field) { return told.of_stack(s, field); });
  }
  return set;
}

step::TuningTable table_at(const KnobSet& set, const std::vector<double>& z) {
  TR_CHECK(z.size() == set.knobs.size(), z.size(), set.knobs.size());
  step::TuningTable table = set.table;
  // Architectures stand before the chips that are drawn to them, kin before their stacks.
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
        step::Sustained& own = table.sustained[k.index];
        const std::string name = own.architecture;
        own = table.sustained[k.parent];
        own.architecture = name;
        own.*step::sustained_fields()[k.field].member = value_of(k, k.prior, z[i]);
        break;
      }
      case Knob::Kind::kin:
        for (step::Stack& s : table.stacks) {
          const auto& field = step::stack_fields()[k.field];
          if (!s.name.starts_with(k.owner)) continue;
          double& x = s.*field.member;
          x = std::clamp(x * value_of(k, 1.0, z[i]), field.low, field.high);
        }
        break;
      case Knob::Kind::stack: {
        double& x = table.stacks[k.index].*step::stack_fields()[k.field].member;
        x = value_of(k, x, z[i]);
        break;
      }
    }
  }
  return table;
}

}  // namespace tightrope::study
