#include "tightrope/step/evidence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "tightrope/step/context.h"

namespace tightrope::step {
namespace {

double square(double x) { return x * x; }

// Variance beside the base: of what is unseen, whose errors lean one way, and of the rest.
struct Parts {
  double leaning = 0, even = 0;
};
Parts added(const Bands& b, const Unseen& u) {
  Parts p;
  p.leaning = (u.source ? square(b.source) : 0) + (u.model ? square(b.model) : 0) +
              (u.chip ? square(b.chip) : 0) + (u.format ? square(b.format) : 0) +
              (u.stack ? square(b.stack) : 0);
  p.even = (u.generation ? square(b.generation) : 0) + (u.routed ? square(b.routed) : 0) +
           (u.adapted ? square(b.adapted) : 0);
  return p;
}

bool one_generation(const MeasuredChip& chip, const Traits& t) {
  if (chip.architecture != t.architecture || !(chip.peak.raw() > 0) || !(t.peak.raw() > 0)) {
    return chip.name == t.chip;
  }
  const double ratio = chip.peak / t.peak;
  return std::max(ratio, 1 / ratio) <= generation_ratio;
}

template <class Value>
bool holds(const std::vector<Value>& list, const Value& value) {
  return std::ranges::find(list, value) != list.end();
}

void join(std::vector<std::string>& into, const std::vector<std::string>& more) {
  std::set<std::string> all(into.begin(), into.end());
  all.insert(more.begin(), more.end());
  into.assign(all.begin(), all.end());
}

}  // namespace

std::string model_shape(const workload::Model& model) {
  if (model.kinds.empty()) return {};
  const workload::LayerKind& kind = model.kinds.back();
  const workload::Attention& a = kind.attention;
  if (!kind.routed()) {
    return fmt::format("h{} a{}/{} f{}", model.hidden, a.heads, a.kv_heads, kind.ffn.hidden);
  }
  return fmt::format("h{} a{}/{} f{} e{}/{}", model.hidden, a.heads, a.kv_heads,
                     kind.ffn.expert_hidden, kind.ffn.experts, kind.ffn.experts_per_token);
}

Traits traits_of(const Context& context) {
  Traits t;
  t.shape = model_shape(context.model);
  t.chip = context.chip.name;
  t.architecture = context.chip.architecture;
  t.peak = context.chip.peak[DType::bf16].value_or(FlopsPerSecond(0.0));
  t.stack = context.tuning.stack.name;
  const DType product = context.recipe.product;
  t.format = product == DType::fp16 ? DType::bf16 : product;  // alike in every matrix unit
  for (const workload::LayerKind& kind : context.model.kinds) {
    t.routed = t.routed || kind.routed();
  }
  t.adapted = context.job.task != workload::Task::pretrain;
  return t;
}

double Bands::spread(const Unseen& unseen) const {
  const Parts p = added(*this, unseen);
  return std::sqrt(square(base) + p.leaning + p.even);
}

double Bands::shift(const Unseen& unseen) const {
  return lean * std::sqrt(added(*this, unseen).leaning);
}

LogBand Bands::band(const Unseen& unseen) const {
  constexpr double least = 0.002;
  const double s = spread(unseen), at = shift(unseen);
  LogBand b;
  b.q25 = std::min(at + s * q25, -least);
  b.q05 = std::min(at + s * q05, b.q25 - least);
  b.q75 = std::max(at + s * q75, least);
  b.q95 = std::max(at + s * q95, b.q75 + least);
  return b;
}

Evidence Evidence::of(const std::vector<Traits>& rows) {
  std::set<std::string> sources, stacks, shapes;
  std::map<std::string, MeasuredChip> chips;
  std::map<std::string, std::set<DType>> formats;
  for (const Traits& t : rows) {
    sources.insert(t.source);
    stacks.insert(t.stack);
    shapes.insert(t.shape);
    chips[t.chip] = {t.chip, t.architecture, t.peak, {}};
    formats[t.chip].insert(t.format);
  }
  Evidence e;
  e.sources.assign(sources.begin(), sources.end());
  e.stacks.assign(stacks.begin(), stacks.end());
  e.shapes.assign(shapes.begin(), shapes.end());
  for (auto& [name, chip] : chips) {
    chip.formats.assign(formats[name].begin(), formats[name].end());
    e.chips.push_back(chip);
  }
  return e;
}

void Evidence::merge(const Evidence& other) {
  join(sources, other.sources);
  join(stacks, other.stacks);
  join(shapes, other.shapes);
  tables.insert(tables.end(), other.tables.begin(), other.tables.end());
  for (const MeasuredChip& more : other.chips) {
    const auto at =
        std::ranges::find_if(chips, [&](const MeasuredChip& c) { return c.name == more.name; });
    if (at == chips.end()) {
      chips.push_back(more);
      continue;
    }
    for (const DType format : more.formats) {
      if (!holds(at->formats, format)) at->formats.push_back(format);
    }
    std::ranges::sort(at->formats);
  }
  std::ranges::sort(chips, {}, &MeasuredChip::name);
  for (const StandardError& more : other.standard_errors) {
    const bool known = std::ranges::any_of(
        standard_errors, [&](const StandardError& e) { return e.name == more.name; });
    if (!known) standard_errors.push_back(more);
  }
  std::ranges::sort(standard_errors, {}, &StandardError::name);
}

Unseen Evidence::unseen(const Traits& t) const {
  Unseen u;
  u.source = !holds(sources, t.source);
  u.model = !holds(shapes, t.shape);
  u.stack = !holds(stacks, t.stack);
  const MeasuredChip* chip = find_chip(t.chip);
  u.chip = chip == nullptr;
  const auto told = [&](const MeasuredChip& c) {
    const bool kin = chip != nullptr ? c.name == t.chip : c.architecture == t.architecture;
    return kin && holds(c.formats, t.format);
  };
  u.format = std::ranges::none_of(chips, told);
  u.generation = u.chip && std::ranges::none_of(
                               chips, [&](const MeasuredChip& c) { return one_generation(c, t); });
  u.routed = t.routed;
  u.adapted = t.adapted;
  return u;
}

const MeasuredChip* Evidence::find_chip(std::string_view name) const {
  for (const MeasuredChip& chip : chips) {
    if (chip.name == name) return &chip;
  }
  return nullptr;
}

double Evidence::standard_error(std::string_view name) const {
  for (const StandardError& e : standard_errors) {
    if (e.name == name) return e.value;
  }
  return 0;
}

const std::vector<BandField>& band_fields() {
  static const std::vector<BandField> fields = {
      {"base", &Bands::base, 0.001, 2},
      {"source", &Bands::source, 0, 2},
      {"model", &Bands::model, 0, 2},
      {"chip", &Bands::chip, 0, 2},
      {"generation", &Bands::generation, 0, 2},
      {"format", &Bands::format, 0, 2},
      {"stack", &Bands::stack, 0, 2},
      {"routed", &Bands::routed, 0, 2},
      {"adapted", &Bands::adapted, 0, 2},
      {"lean", &Bands::lean, 0, 0.5},
      {"q05", &Bands::q05, -10, 0},
      {"q25", &Bands::q25, -10, 0},
      {"q75", &Bands::q75, 0, 10},
      {"q95", &Bands::q95, 0, 10},
  };
  return fields;
}

}  // namespace tightrope::step
