#include "tightrope/serving_study/fit_numbers.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tightrope::serving_study {
namespace {

bool among(const std::vector<std::string>& all, const std::string& name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

template <class Record>
double Record::* member(const std::vector<infer::ServingField<Record>>& fields,
                        std::string_view name) {
  for (const auto& f : fields) {
    if (f.name == name) return f.member;
  }
  return nullptr;
}

/// A number `deviations` standard deviations away, kept in its range.
struct Moved {
  double shift = 0;
  [[nodiscard]] double of(const FitKnob& k) const {
    const double value = k.relative ? k.usual * std::exp(shift) : k.usual + shift;
    return std::clamp(value, k.low, k.high);
  }
};

}  // namespace

const std::vector<FitKnob>& engine_knobs() {
  static const std::vector<FitKnob> knobs = {
      {"step_us", 0, 6000, 500, 500, 300, false},
      {"sequence_us", 0, 60, 8, 4, 3, false},
      {"kernel_share", 0.2, 4, 1, 0.35, 0.15},
      {"expert_share", 0.7, 3, 1.0, 0.15, 0.1},
      {"request_ms", 0, 80, 25, 30, 20, false},
      {"prompt_us", 0, 40, 4, 4, 3, false},
      {"cast_share", 0.05, 2, 1, 0.4, 0.2},
      {"prefill_kernel_us", 1, 200, 20, 0.7, 0.4},
      // Tables are of warm kernels back to back, so that little is left to lose.
      {"dense_math", 0.7, 2.5, 1.05, 0.06, 0.08},
  };
  return knobs;
}

const std::vector<FitKnob>& chip_knobs() {
  static const std::vector<FitKnob> knobs = {
      {"decode_read_share", 0.3, 1, 0.85, 0.1, 0.05},
      {"latent_read_share", 0.1, 1, 0.75, 0.15, 0.1},
      {"decode_kernel_us", 1, 25, 6, 0.4, 0.2},
      {"reduce_stretch", 0.7, 4, 1.2, 0.15, 0.1},
      {"reduce_us", 1, 80, 8, 0.4, 0.25},
      // No measured exchange is faster, on whatever few ranks (kernels/expert_alltoall.csv:
      // TensorRT-LLM 10.6 to dispatch and 11.8 to combine, DeepEP 11.9 and 12.6, on two to eight).
      {"peer_us", 11, 80, 20, 0.4, 0.25},
      {"decode_head_ns", 0, 40, 4, 5, 3, false},
      {"issue_share", 0.5, 3, 1, 0.3, 0.2},
  };
  return knobs;
}

const std::vector<FitKnob>& shared_knobs() {
  static const std::vector<FitKnob> knobs = {
      {"draft_acceptance", 0.3, 0.95, 0.65, 0.1, 0, false},
      {"expert_skew", 0, 4, 1.5, 1, 0, false},
  };
  return knobs;
}

std::string base_name(const std::string& engine) { return engine.substr(0, engine.rfind('-')); }

FitNumbers::FitNumbers(const infer::ServingTuning& start, const Measured& measured,
                       const std::vector<std::string>& gpu_architectures)
    : start_(start) {
  std::map<std::string, std::vector<std::size_t>> families;
  for (std::size_t e = 0; e < start.engines.size(); ++e) {
    const std::string base = base_name(start.engines[e].name);
    if (among(measured.engines, base)) families[base].push_back(e);
  }
  for (const auto& [base, members] : families) {
    add(Kind::engine, engine_knobs(), members, true);
    for (const std::size_t e : members) add(Kind::engine, engine_knobs(), {e}, false);
  }
  std::vector<std::size_t> gpus;
  for (std::size_t c = 0; c < start.chips.size(); ++c) {
    const std::string& name = start.chips[c].architecture;
    const bool gpu = name.empty() || among(gpu_architectures, name);
    if (gpu && measured.gpus) gpus.push_back(c);
    if (!gpu && among(measured.architectures, name)) add(Kind::chip, chip_knobs(), {c}, true);
  }
  if (!gpus.empty()) add(Kind::chip, chip_knobs(), gpus, true);
  for (const std::size_t c : gpus) add(Kind::chip, chip_knobs(), {c}, false);
  if (measured.shared) add(Kind::shared, shared_knobs(), {}, true);
}

void FitNumbers::add(Kind kind, const std::vector<FitKnob>& knobs,
                     const std::vector<std::size_t>& members, bool family) {
  for (std::size_t k = 0; k < knobs.size(); ++k) places_.push_back({kind, k, members, family});
}

const FitKnob& FitNumbers::knob(const Place& p) const {
  switch (p.kind) {
    case Kind::engine: return engine_knobs()[p.knob];
    case Kind::chip: return chip_knobs()[p.knob];
    case Kind::shared: break;
  }
  return shared_knobs()[p.knob];
}

infer::ServingTuning FitNumbers::at(const std::vector<double>& z) const {
  infer::ServingTuning tuning = start_;
  std::vector<std::vector<Moved>> engines(tuning.engines.size()), chips(tuning.chips.size());
  std::vector<Moved> shared;
  const auto move = [&](std::vector<Moved>& numbers, const Place& p, double by) {
    numbers.resize(std::max(numbers.size(), p.knob + 1));
    numbers[p.knob].shift += by;
  };
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& p = places_[i];
    const double by = z[i] * (p.family ? knob(p).spread : knob(p).kin);
    if (p.kind == Kind::shared) move(shared, p, by);
    for (const std::size_t m : p.members) {
      move(p.kind == Kind::engine ? engines[m] : chips[m], p, by);
    }
  }
  const auto put = [](auto& record, const std::vector<Moved>& numbers,
                      const std::vector<FitKnob>& knobs, const auto& fields) {
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      record.*member(fields, knobs[k].name) = numbers[k].of(knobs[k]);
    }
  };
  for (std::size_t e = 0; e < engines.size(); ++e) {
    put(tuning.engines[e], engines[e], engine_knobs(), infer::engine_fields());
  }
  for (std::size_t c = 0; c < chips.size(); ++c) {
    put(tuning.chips[c], chips[c], chip_knobs(), infer::chip_habit_fields());
  }
  put(tuning, shared, shared_knobs(), infer::shared_fields());
  return tuning;
}

bool FitNumbers::touches(std::size_t k, const std::string& stack, const std::string& architecture,
                         bool shares) const {
  const Place& p = places_[k];
  if (p.kind == Kind::shared) return shares;
  return std::any_of(p.members.begin(), p.members.end(), [&](std::size_t m) {
    return p.kind == Kind::engine ? start_.engines[m].name == stack
                                  : start_.chips[m].architecture == architecture;
  });
}

}  // namespace tightrope::serving_study
