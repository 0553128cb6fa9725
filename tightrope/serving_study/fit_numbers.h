// The numbers of a serving calibration that rows decide, with what is believed of each beforehand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/infer/engine.h"

namespace tightrope::serving_study {

/// A number that rows decide: its range, where it lies without rows, how far it may lie from there
/// (a standard deviation), and how far members of a family (an engine's years, GPUs) lie apart.
struct FitKnob {
  std::string_view name;
  double low = 0, high = 0, usual = 0, spread = 0, kin = 0;
  bool relative = true;  ///< spread and kin are of the logarithm
};

[[nodiscard]] const std::vector<FitKnob>& engine_knobs();
[[nodiscard]] const std::vector<FitKnob>& chip_knobs();
[[nodiscard]] const std::vector<FitKnob>& shared_knobs();

/// "tensorrt-llm" of "tensorrt-llm-2026".
[[nodiscard]] std::string base_name(const std::string& engine);

/// Who rows measure: engines by base name, architectures, and whether what all share is measured.
struct Measured {
  std::vector<std::string> engines, architectures;
  bool gpus = false, shared = false;
};

/// Coefficients z, each in standard deviations of its prior, and the calibration that they make.
/// A family has one z a knob, and each of its members one beside it; GPUs are one family (with
/// those that no row measures), other chips stand alone. What no row measures stays as in `start`.
class FitNumbers {
 public:
  FitNumbers(const infer::ServingTuning& start, const Measured& measured,
             const std::vector<std::string>& gpu_architectures);

  [[nodiscard]] std::size_t size() const { return places_.size(); }
  [[nodiscard]] infer::ServingTuning at(const std::vector<double>& z) const;
  /// Whether a row of this engine (with its year) and architecture hangs on coefficient k.
  [[nodiscard]] bool touches(std::size_t k, const std::string& stack,
                             const std::string& architecture, bool shares) const;

 private:
  enum class Kind { engine, chip, shared };
  struct Place {
    Kind kind = Kind::engine;
    std::size_t knob = 0;
    std::vector<std::size_t> members;  ///< records that it moves
    bool family = false;
  };
  void add(Kind kind, const std::vector<FitKnob>& knobs, const std::vector<std::size_t>& members,
           bool family);
  [[nodiscard]] const FitKnob& knob(const Place& p) const;

  infer::ServingTuning start_;
  std::vector<Place> places_;
};

}  // namespace tightrope::serving_study
