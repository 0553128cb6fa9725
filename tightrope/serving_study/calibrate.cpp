#include "tightrope/serving_study/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/serving_study/fit_numbers.h"
#include "tightrope/serving_study/validate.h"
#include "tightrope/study/robust_fit.h"

namespace tightrope::serving_study {
namespace {

// Runs of one sweep share their errors, so that each counts little against a prior: fifty that are
// 2 % off weigh as one number 1.4 standard deviations from where it is believed to lie.
constexpr double row_weight = 0.02;
constexpr double noise = 0.02;
// First tokens count less: they hang on how a benchmark starts, and on clients.
constexpr double first_token_weight = 0.6;
constexpr double slope_step = 0.05;  // of z, for finite differences
constexpr double reach = 6.0;        // standard deviations that a number may lie from its prior
constexpr std::size_t metrics = 3;   // time per output token, to the first, output tokens a second

Measured measured_by(const ServingTable& table, const std::vector<ServingCase>& cases) {
  Measured m;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!cases[i].refused.empty()) continue;
    m.engines.push_back(table.rows[i].engine);
    m.architectures.push_back(cases[i].architecture);
    m.gpus = m.gpus || cases[i].context.chip.kind == "gpu";
    m.shared = m.shared || cases[i].routed || table.rows[i].drafts > 0;
  }
  return m;
}

std::vector<std::string> gpu_architectures(const std::vector<ServingCase>& cases) {
  std::vector<std::string> names;
  for (const ServingCase& c : cases) {
    if (c.refused.empty() && c.context.chip.kind == "gpu") names.push_back(c.architecture);
  }
  return names;
}

/// Rows to fit, and what they say of a calibration.
class Fitter {
 public:
  Fitter(const ServingTable& table, std::vector<ServingCase> cases, FitNumbers numbers,
         const std::vector<bool>& use)
      : table_(table), cases_(std::move(cases)), numbers_(std::move(numbers)) {
    constexpr double weights[] = {1.0, first_token_weight, 1.0};
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      if (!(use.empty() || use[i]) || !cases_[i].refused.empty()) continue;
      const ServingRow& row = table_.rows[i];
      const double measured[] = {row.tpot_ms, row.ttft_ms, row.output_tokens_a_s};
      for (std::size_t k = 0; k < metrics; ++k) {
        if (measured[k] > 0) asked_.push_back({used_.size(), k, measured[k], weights[k]});
      }
      used_.push_back(i);
    }
  }

  [[nodiscard]] infer::ServingTuning fit() {
    study::RobustProblem problem;
    problem.noise = noise;
    for (const Asked& a : asked_) problem.weights.push_back(row_weight * a.weight);
    problem.low.assign(numbers_.size(), -reach);
    problem.high.assign(numbers_.size(), reach);
    problem.residuals = [this](const std::vector<double>& z) { return residuals(z, {}); };
    problem.slopes = [this](const std::vector<double>& z, const std::vector<double>& at_z) {
      return slopes(z, at_z);
    };
    return numbers_.at(study::robust_fit(problem).z);
  }

  [[nodiscard]] int rows_of(const std::string& stack, const std::string& architecture) const {
    return static_cast<int>(std::count_if(used_.begin(), used_.end(), [&](std::size_t i) {
      return table_.rows[i].stack == stack || cases_[i].architecture == architecture;
    }));
  }

 private:
  struct Asked {
    std::size_t row = 0, metric = 0;  // of those used
    double measured = 0, weight = 1;
  };

  // log(predicted / measured) of what was measured; of rows not `only`, zero.
  std::vector<double> residuals(const std::vector<double>& z, const std::vector<bool>& only) {
    const infer::ServingTuning tuning = numbers_.at(z);
    std::vector<std::array<double, metrics>> answers(used_.size());
    for_each_index(used_.size(), [&](std::size_t r) {
      if (!only.empty() && !only[r]) return;
      ServingCase& c = cases_[used_[r]];
      const ServingRow& row = table_.rows[used_[r]];
      retune(c, row, tuning);
      const infer::Steady s = predict(c, row);
      answers[r] = {s.tpot.raw() * 1e3, s.ttft.raw() * 1e3, output_rate(c, s).raw()};
    });
    std::vector<double> out(asked_.size());
    for (std::size_t i = 0; i < asked_.size(); ++i) {
      const Asked& a = asked_[i];
      if (only.empty() || only[a.row]) {
        out[i] = std::log(answers[a.row][a.metric] / a.measured);
      }
    }
    return out;
  }

  std::vector<study::Column> slopes(const std::vector<double>& z, const std::vector<double>& at_z) {
    std::vector<study::Column> columns(numbers_.size());
    for (std::size_t k = 0; k < columns.size(); ++k) {
      std::vector<bool> only(used_.size());
      for (std::size_t r = 0; r < used_.size(); ++r) {
        const ServingCase& c = cases_[used_[r]];
        const ServingRow& row = table_.rows[used_[r]];
        only[r] = numbers_.touches(k, row.stack, c.architecture, c.routed || row.drafts > 0);
      }
      std::vector<double> moved = z;
      const double step = z[k] + slope_step <= reach ? slope_step : -slope_step;
      moved[k] += step;
      const std::vector<double> there = residuals(moved, only);
      for (std::size_t i = 0; i < asked_.size(); ++i) {
        if (!only[asked_[i].row]) continue;
        columns[k].rows.push_back(i);
        columns[k].slopes.push_back((there[i] - at_z[i]) / step);
      }
    }
    return columns;
  }

  const ServingTable& table_;
  std::vector<ServingCase> cases_;
  FitNumbers numbers_;
  std::vector<std::size_t> used_;
  std::vector<Asked> asked_;
};

}  // namespace

ServingFit fit_serving(const ServingTable& table, std::vector<ServingCase> cases,
                       const infer::ServingTuning& start, const std::vector<bool>& use) {
  const Measured measured = measured_by(table, cases);
  FitNumbers numbers(start, measured, gpu_architectures(cases));
  Fitter fitter(table, std::move(cases), std::move(numbers), use);
  ServingFit fit{fitter.fit(), {}};
  for (const infer::Engine& e : fit.tuning.engines) {
    if (const int rows = fitter.rows_of(e.name, {}); rows > 0) fit.rows[e.name] = rows;
  }
  for (const infer::ChipHabits& c : fit.tuning.chips) {
    if (c.architecture.empty()) continue;
    if (const int rows = fitter.rows_of({}, c.architecture); rows > 0) {
      fit.rows[c.architecture] = rows;
    }
  }
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
  return static_cast<int>(tuning.engines.size() * engine_knobs().size() +
                          (tuning.chips.size() - 1) * chip_knobs().size() + shared_knobs().size());
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
    const auto found = fit.rows.find(owner);
    return found == fit.rows.end() ? before : static_cast<double>(found->second);
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
