// Everything an inference iteration depends on but the mapping, resolved once.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/formula/calibration.h"
#include "tightrope/formula/kernel_power.h"
#include "tightrope/infer/acceptance.h"
#include "tightrope/infer/deployment.h"
#include "tightrope/infer/engine.h"
#include "tightrope/workload/layer_work.h"
#include "tightrope/workload/model.h"

namespace tightrope::infer {

/// Layers of one kind, as a served model runs them.
struct LayerPart {
  workload::LayerWork work;
  workload::Attention attention;  ///< heads 0: none
  workload::StateSpace mixer;     ///< heads 0: none
  int layers = 0;                 ///< of this kind in the model
  double experts = 0, experts_per_token = 0;
  double kv_elements = 0;       ///< a token, whole layer
  double state_elements = 0;    ///< a sequence, whole layer
  double other_parameters = 0;  ///< norms and biases, whole on every rank
};

/// How drafts are guessed and how many of them hold.
struct Speculation {
  int drafts = 0;         ///< tokens guessed an iteration; 0: none
  double accepted = 1.0;  ///< tokens an iteration yields on average, 1 .. drafts + 1
  YieldShares yields;     ///< how often it yields how many; empty: the mean alone is known
  AnswerSteps steps;      ///< by that law; empty without one

  /// Tokens an iteration yields over an answer of so many: the mean, or less as the law's last
  /// iteration is cut at the answer's end. >= 1.
  [[nodiscard]] double rate(double tokens) const noexcept;
  /// Iterations of an answer of so many tokens at a deviate of the normal law, over their mean.
  [[nodiscard]] double late(double tokens, double deviate) const noexcept;
};
/// `drafts` guesses, each of which holds with the tuning's probability if those before it did:
/// 1 + p + p^2 + ... tokens an iteration.
[[nodiscard]] Speculation speculation(int drafts, const ServingTuning& tuning);

struct Context {
  workload::Model model;
  catalog::Chip chip;
  catalog::System system;
  formula::RankKernels kernels;
  formula::FabricModel fabric;
  formula::KernelPower power;
  std::string borrowed_from;  ///< kin whose kernel coefficients stand in; empty when its own
  Numerics numerics;          ///< as the chip runs them
  Engine engine;
  ChipHabits habits;
  double expert_skew = 0;
  double expert_slots = 0;        ///< places for experts, copies included; 0: one an expert
  bool experts_balanced = false;  ///< laid out by their load
  Speculation speculation;
  std::vector<LayerPart> parts;
  double embedding_parameters = 0, head_parameters = 0, mtp_parameters = 0;
  Watts host_share{};  ///< server power beside the chips, a chip
};

struct ContextRequest {
  workload::Model model;
  std::string numerics = "bf16";
  std::string engine = "vllm";
  int drafts = 0;                         ///< tokens guessed an iteration
  double accepted = 0;                    ///< tokens an iteration yields; 0: as the tuning says
  YieldShares yields;                     ///< its law, instead of `accepted`
  double expert_slots = 0;                ///< as in Context
  bool experts_balanced = false;          ///< as in Context
  const ServingTuning* tuning = nullptr;  ///< the embedded one when null
};

/// Errors: unsupported numerics or engine; not_found chip.
[[nodiscard]] Result<Context> make_context(const ContextRequest& request,
                                           const catalog::System& system,
                                           const catalog::Catalog& catalog,
                                           const formula::Calibration& calibration);

}  // namespace tightrope::infer
