#include "tightrope/serving_study/calibrate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/serving_study/validate.h"
#include "tightrope/study/calibrate_fit.h"

namespace tightrope::serving_study {
namespace {

// First tokens count less: they hang on how a benchmark starts, and on clients.
constexpr double first_token_weight = 0.45;
constexpr std::size_t metrics = 3;  // time per output token, to the first, output tokens a second

// Numbers that rows decide, and between what they must stay.
struct Knob {
  std::string_view name;
  double low, high;
};
constexpr Knob engine_knobs[] = {
    {"step_us", 0, 6000},          {"sequence_us", 0, 60},   {"kernel_share", 0.2, 4.0},
    {"expert_share", 0.9, 3.0},    {"request_ms", 0, 80},    {"cast_share", 0, 2},
    {"prefill_kernel_us", 0, 200}, {"dense_math", 0.7, 2.5},
};
constexpr Knob shared_knobs[] = {{"draft_acceptance", 0.3, 0.95}, {"expert_skew", 0, 3}};
constexpr Knob chip_knobs[] = {
    {"decode_read_share", 0.3, 1.0},
    {"latent_read_share", 0.1, 1.0},
    {"decode_kernel_us", 1, 25},
    {"reduce_us", 1, 80},
    // No measured exchange is faster, on whatever few ranks (kernels/expert_alltoall.csv:
    // TensorRT-LLM 10.6 to dispatch and 11.8 to combine, DeepEP 11.9 and 12.6, on two to eight).
    {"peer_us", 11, 80},
    {"decode_head_ns", 0, 40},
    {"issue_share", 0.5, 3},
};

// How much a member of a family is drawn to it: in rows, and what counts as near zero.
constexpr double kin_weight = 2.0;
constexpr double kin_offset = 0.05;
// Further sweeps start a block again anyway.
constexpr int restarts = 0;

std::string base_name(const std::string& engine) { return engine.substr(0, engine.rfind('-')); }

template <class Record>
double Record::* member(const std::vector<infer::ServingField<Record>>& fields,
                        std::string_view name) {
  for (const auto& f : fields) {
    if (f.name == name) return f.member;
  }
  return nullptr;
}

/// Records of one kind with what is fitted in them.
template <class Record, std::size_t N>
struct Block {
  std::vector<Record*> records;  ///< that share the numbers
  const Knob (&knobs)[N];
  const std::vector<infer::ServingField<Record>>& fields;
  std::string owner;   ///< under which the numbers are reported; empty: not reported
  bool drawn = false;  ///< to where they start: a member of a family with few rows stays near it
};

class Fitter {
 public:
  Fitter(const ServingTable& table, std::vector<ServingCase> cases, infer::ServingTuning start,
         const std::vector<bool>& use)
      : table_(table), cases_(std::move(cases)), tuning_(std::move(start)) {
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      const bool wanted = use.empty() || use[i];
      if (wanted && cases_[i].refused.empty()) used_.push_back(i);
    }
  }

  void sweep() {
    for (const std::string& engine : engine_names()) {
      Block<infer::Engine, std::size(engine_knobs)> family{
          {}, engine_knobs, infer::engine_fields(), {}, false};
      for (infer::Engine& e : tuning_.engines) {
        if (base_name(e.name) == engine) family.records.push_back(&e);
      }
      fit_block(family, [&](std::size_t i) { return table_.rows[i].engine == engine; });
      for (infer::Engine* e : family.records) {
        Block<infer::Engine, std::size(engine_knobs)> own{
            {e}, engine_knobs, infer::engine_fields(), e->name, true};
        fit_block(own, [&](std::size_t i) { return table_.rows[i].stack == e->name; });
      }
    }
    Block<infer::ChipHabits, std::size(chip_knobs)> all{
        {}, chip_knobs, infer::chip_habit_fields(), {}, false};
    // GPUs are kin; what is no GPU has numbers of its own.
    const auto gpu = [&](std::size_t i) { return cases_[i].context.chip.kind == "gpu"; };
    for (infer::ChipHabits& c : tuning_.chips) {
      const bool other = std::any_of(used_.begin(), used_.end(), [&](std::size_t i) {
        return cases_[i].architecture == c.architecture && !gpu(i);
      });
      if (!other) all.records.push_back(&c);
    }
    fit_block(all, gpu);
    for (infer::ChipHabits& c : tuning_.chips) {
      Block<infer::ChipHabits, std::size(chip_knobs)> own{
          {&c}, chip_knobs, infer::chip_habit_fields(), c.architecture, true};
      fit_block(own, [&](std::size_t i) { return cases_[i].architecture == c.architecture; });
    }
    Block<infer::ServingTuning, std::size(shared_knobs)> shared{
        {&tuning_}, shared_knobs, infer::shared_fields(), "all", false};
    fit_block(shared, [&](std::size_t i) { return cases_[i].routed || table_.rows[i].drafts > 0; });
  }

  ServingFit result() { return {tuning_, knobs_}; }

 private:
  std::vector<std::string> engine_names() const {
    std::vector<std::string> names;
    for (const infer::Engine& e : tuning_.engines) {
      const std::string name = base_name(e.name);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
  }

  template <class Record, std::size_t N>
  void fit_block(const Block<Record, N>& block, const std::function<bool(std::size_t)>& mine) {
    std::vector<std::size_t> rows;
    for (const std::size_t i : used_) {
      if (mine(i)) rows.push_back(i);
    }
    if (rows.empty() || block.records.empty()) return;
    std::vector<study::FitParameter> parameters;
    for (const Knob& k : block.knobs) {
      const double now = block.records.front()->*member(block.fields, k.name);
      parameters.push_back({std::string(k.name), std::clamp(now, k.low, k.high), k.low, k.high});
    }
    std::vector<study::FitRow> targets;
    std::vector<std::size_t> asked;  // of the answers, those that were measured
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const ServingRow& row = table_.rows[rows[r]];
      const double measured[] = {row.tpot_ms, row.ttft_ms, row.output_tokens_a_s};
      constexpr double weights[] = {1.0, first_token_weight, 1.0};
      for (std::size_t k = 0; k < metrics; ++k) {
        if (!(measured[k] > 0)) continue;
        targets.push_back({measured[k], weights[k]});
        asked.push_back(metrics * r + k);
      }
    }
    if (block.drawn) targets.insert(targets.end(), N, {1.0, kin_weight});
    std::vector<double> seen, answers(metrics * rows.size());
    const study::Predictor predictor = [&](std::size_t at, const std::vector<double>& x) {
      if (at >= asked.size()) {
        const study::FitParameter& p = parameters[at - asked.size()];
        const double offset = kin_offset * (p.high - p.low);
        return (x[at - asked.size()] - p.low + offset) / (p.start - p.low + offset);
      }
      if (x != seen) {
        seen = x;
        set(block, x);
        answer(rows, answers);
      }
      return answers[asked[at]];
    };
    const study::FitResult result = study::fit(targets, parameters, predictor, 0, restarts);
    std::vector<double> best = result.values();
    keep_idle(block, rows, parameters, best);
    set(block, best);
    for (std::size_t k = 0; k < N; ++k) {
      if (!block.owner.empty()) {
        remember(block.owner, block.knobs[k].name, best[k], static_cast<int>(rows.size()));
      }
    }
  }

  template <class Record, std::size_t N>
  static void set(const Block<Record, N>& block, const std::vector<double>& x) {
    for (Record* record : block.records) {
      for (std::size_t k = 0; k < N; ++k) {
        record->*member(block.fields, block.knobs[k].name) = x[k];
      }
    }
  }

  /// Numbers that no answer depends on stay where they were.
  template <class Record, std::size_t N>
  void keep_idle(const Block<Record, N>& block, const std::vector<std::size_t>& rows,
                 const std::vector<study::FitParameter>& parameters, std::vector<double>& best) {
    std::vector<double> with(metrics * rows.size()), without(with.size());
    set(block, best);
    answer(rows, with);
    for (std::size_t k = 0; k < N; ++k) {
      std::vector<double> x = best;
      x[k] = parameters[k].start;
      set(block, x);
      answer(rows, without);
      if (with == without) best[k] = parameters[k].start;
    }
  }

  void answer(const std::vector<std::size_t>& rows, std::vector<double>& answers) {
    for_each_index(rows.size(), [&](std::size_t r) {
      ServingCase& c = cases_[rows[r]];
      retune(c, table_.rows[rows[r]], tuning_);
      const infer::Steady s = predict(c, table_.rows[rows[r]]);
      answers[metrics * r] = s.tpot.raw() * 1e3;
      answers[metrics * r + 1] = s.ttft.raw() * 1e3;
      answers[metrics * r + 2] = output_rate(c, s).raw();
    });
  }

  void remember(const std::string& owner, std::string_view name, double value, int rows) {
    for (FittedKnob& k : knobs_) {
      if (k.owner == owner && k.name == name) {
        k.value = value;
        return;
      }
    }
    knobs_.push_back({owner, std::string(name), value, rows});
  }

  const ServingTable& table_;
  std::vector<ServingCase> cases_;
  infer::ServingTuning tuning_;
  std::vector<std::size_t> used_;
  std::vector<FittedKnob> knobs_;
};

// The same with every fitted number as a new engine or chip has it.
infer::ServingTuning unfitted(infer::ServingTuning tuning) {
  const auto reset = [](auto& record, const auto& knobs, const auto& fields) {
    const std::decay_t<decltype(record)> fresh;
    for (const Knob& k : knobs) record.*member(fields, k.name) = fresh.*member(fields, k.name);
  };
  for (infer::Engine& e : tuning.engines) reset(e, engine_knobs, infer::engine_fields());
  for (infer::ChipHabits& c : tuning.chips) reset(c, chip_knobs, infer::chip_habit_fields());
  reset(tuning, shared_knobs, infer::shared_fields());
  return tuning;
}

/// Engines and chips that no row of the table measured keep what they had; kin of those measured
/// follow, and so do those whose rows are left out of the fit.
void keep_unmeasured(infer::ServingTuning& tuning, const infer::ServingTuning& start,
                     const ServingTable& table, const std::vector<ServingCase>& cases) {
  std::vector<std::string> engines, chips;
  bool gpus = false, shared = false;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!cases[i].refused.empty()) continue;
    engines.push_back(table.rows[i].engine);
    chips.push_back(cases[i].architecture);
    gpus = gpus || cases[i].context.chip.kind == "gpu";
    shared = shared || cases[i].routed || table.rows[i].drafts > 0;
  }
  const auto among = [](const std::vector<std::string>& all, const std::string& name) {
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  for (std::size_t e = 0; e < tuning.engines.size(); ++e) {
    if (!among(engines, base_name(tuning.engines[e].name))) tuning.engines[e] = start.engines[e];
  }
  for (std::size_t c = 0; c < tuning.chips.size(); ++c) {
    const std::string& name = tuning.chips[c].architecture;
    const bool measured = name.empty() ? gpus : among(chips, name);
    if (!measured) tuning.chips[c] = start.chips[c];
  }
  for (const auto& f : infer::shared_fields()) {
    if (!shared) tuning.*f.member = start.*f.member;
  }
}

}  // namespace

ServingFit fit_serving(const ServingTable& table, std::vector<ServingCase> cases,
                       const infer::ServingTuning& start, const std::vector<bool>& use,
                       int sweeps) {
  infer::ServingTuning blank = unfitted(start);
  keep_unmeasured(blank, start, table, cases);
  Fitter fitter(table, cases, std::move(blank), use);
  for (int i = 0; i < sweeps; ++i) fitter.sweep();
  ServingFit fit = fitter.result();
  keep_unmeasured(fit.tuning, start, table, cases);
  return fit;
}

std::vector<bool> fitted_rows(const ServingTable& table) {
  std::vector<bool> use = repeated_rows(table);
  use.flip();
  for (std::size_t i = 0; i < use.size(); ++i) {
    if (table.rows[i].disaggregated || !table.rows[i].guessed.empty()) use[i] = false;
  }
  return use;
}

int fitted_numbers(const infer::ServingTuning& tuning) {
  // The last chip holds for those that no row was measured on.
  return static_cast<int>(tuning.engines.size() * std::size(engine_knobs) +
                          (tuning.chips.size() - 1) * std::size(chip_knobs) +
                          std::size(shared_knobs));
}

std::string tuning_text(const ServingFit& fit, const ServingTable& table) {
  std::string out =
      "# What serving adds to kernels: engines' host work and chips' decoding attention. Written "
      "by\n"
      "# `tightrope calibrate serving`; do not edit: run it again. Keys are explained in\n"
      "# tightrope/infer/engine.h.\nversion = 1\n";
  for (const auto& f : infer::shared_fields()) {
    out += fmt::format("{} = {:.4g}\n", f.name, fit.tuning.*f.member);
  }
  out += fmt::format("\n[provenance]\nfile = \"{}\"\nrows = {}\nfnv1a = \"{}\"\n",
                     table.file.substr(table.file.rfind('/') + 1), table.rows.size(), table.hash);
  const auto rows_of = [&](const std::string& owner, double before) {
    for (const FittedKnob& k : fit.knobs) {
      if (k.owner == owner) return static_cast<double>(k.rows);
    }
    return before;
  };
  for (const infer::Engine& e : fit.tuning.engines) {
    out += fmt::format("\n[[engine]]\nname = \"{}\"\nrows = {}\n", e.name, rows_of(e.name, e.rows));
    for (const infer::EngineFlag& f : infer::engine_flags()) {
      const bool usual = infer::Engine{}.*f.member;
      if (e.*f.member != usual) out += fmt::format("{} = {}\n", f.name, !usual);
    }
    for (const auto& f : infer::engine_fields()) {
      out += fmt::format("{} = {:.4g}\n", f.name, e.*f.member);
    }
  }
  for (const infer::ChipHabits& c : fit.tuning.chips) {
    out += fmt::format("\n[[chip]]\narchitecture = \"{}\"\nrows = {}\n", c.architecture,
                       rows_of(c.architecture, c.rows));
    for (const auto& f : infer::chip_habit_fields()) {
      out += fmt::format("{} = {:.4g}\n", f.name, c.*f.member);
    }
  }
  for (const infer::ServingBand& b : fit.tuning.bands) {
    out += fmt::format("\n[[band]]\nname = \"{}\"\n", b.name);
    for (const auto& f : infer::band_fields()) {
      out += fmt::format("{} = {:.4g}\n", f.name, b.*f.member);
    }
  }
  return out;
}

}  // namespace tightrope::serving_study
