#include "tightrope/infer/context.h"

#include <algorithm>

#include <fmt/format.h>

#include "tightrope/formula/kernel_power_calibration.h"

namespace tightrope::infer {
namespace {

double state_elements(const workload::StateSpace& mixer) {
  if (mixer.heads == 0) return 0.0;
  const auto channels = static_cast<double>(mixer.channels());
  return static_cast<double>(mixer.inner()) * mixer.state + channels * (mixer.conv - 1);
}

LayerPart layer_part(const workload::Model& model, int kind) {
  const workload::LayerKind& k = model.kinds[static_cast<std::size_t>(kind)];
  LayerPart part;
  part.work = workload::layer_work(model, k);
  part.attention = k.attention;
  part.mixer = k.mixer;
  part.layers = static_cast<int>(std::count(model.layers.begin(), model.layers.end(), kind));
  part.experts = k.ffn.experts;
  part.experts_per_token = k.ffn.experts_per_token;
  if (k.attends()) {
    part.kv_elements = static_cast<double>(workload::kv_elements_per_token(k.attention));
  }
  part.state_elements = state_elements(k.mixer);
  double products = 0;
  for (const workload::Gemm& g : part.work.gemms) {
    const double copies = g.role == workload::GemmRole::expert ? part.experts : 1.0;
    products += static_cast<double>(g.weights()) * copies;
  }
  const auto all = static_cast<double>(workload::count_layer(model, k).total());
  part.other_parameters = std::max(0.0, all - products);
  return part;
}

Watts host_share_of(const catalog::System& system, const catalog::Chip& chip) {
  const double unit = system.unit_power.value_or(Watts(0.0)).raw();
  const double chips = chip.power.value_or(Watts(0.0)).raw() * system.chips;
  // An estimate for servers whose draw nobody states: a third of an accelerator beside each.
  constexpr double host_guess = 0.35;
  const double beside = unit > chips ? unit - chips : host_guess * chips;
  return Watts(beside / std::max(1, system.chips));
}

}  // namespace

Speculation speculation(int drafts, const ServingTuning& tuning) {
  Speculation s;
  s.drafts = drafts;
  double holds = 1.0;
  for (int i = 0; i < drafts; ++i) s.accepted += holds *= tuning.draft_acceptance;
  return s;
}

double Speculation::rate(double tokens) const noexcept {
  if (steps.empty() || !(tokens > 0)) return std::max(1.0, accepted);
  return tokens / steps.mean(tokens);
}

double Speculation::late(double tokens, double deviate) const noexcept {
  if (steps.empty() || !(tokens > 0)) return 1.0;
  const double mean = steps.mean(tokens);
  return std::clamp(mean + deviate * steps.deviation(tokens), tokens / (drafts + 1.0), tokens) /
         mean;
}

Result<Context> make_context(const ContextRequest& request, const catalog::System& system,
                             const catalog::Catalog& catalog,
                             const formula::Calibration& calibration) {
  const catalog::Chip* chip = catalog.find_chip(system.chip);
  if (chip == nullptr) {
    return fail(ErrorCode::not_found,
                fmt::format("system \"{}\" names chip \"{}\", which the catalog lacks", system.name,
                            system.chip));
  }
  Context c;
  c.model = request.model;
  c.chip = *chip;
  c.system = system;
  c.kernels = formula::rank_kernels(*chip, calibration, &c.borrowed_from);
  c.fabric = formula::fabric_model(system, *chip, calibration);
  c.power = formula::embedded_kernel_power();
  const ServingTuning& tuning = request.tuning ? *request.tuning : ServingTuning::embedded();
  const bool routed = std::any_of(request.model.kinds.begin(), request.model.kinds.end(),
                                  [](const workload::LayerKind& k) { return k.routed(); });
  TR_TRY(const Numerics asked, find_numerics(request.numerics, routed));
  TR_TRY(c.numerics, on_chip(asked, c.kernels));
  TR_TRY(c.engine, tuning.engine(request.engine));
  c.kernels.experts =
      formula::expert_kernels(calibration.experts(), chip->architecture, c.engine.name)
          .coefficients;
  c.habits = tuning.chip(chip->architecture);
  c.expert_skew = tuning.expert_skew;
  c.expert_slots = request.expert_slots;
  c.experts_balanced = request.experts_balanced;
  c.speculation = speculation(request.drafts, tuning);
  if (request.accepted > 0) c.speculation.accepted = request.accepted;
  if (!request.yields.empty()) {
    TR_TRY(c.speculation.yields, checked_yields(request.yields, request.drafts));
    c.speculation.accepted = mean_yield(c.speculation.yields);
    c.speculation.steps = AnswerSteps(c.speculation.yields);
  }
  for (std::size_t kind = 0; kind < c.model.kinds.size(); ++kind) {
    LayerPart part = layer_part(c.model, static_cast<int>(kind));
    if (part.layers > 0) c.parts.push_back(std::move(part));
  }
  const workload::ParameterCount count = workload::count_parameters(c.model);
  c.embedding_parameters = static_cast<double>(count.embedding);
  c.head_parameters =
      static_cast<double>(c.model.tied_embeddings ? c.model.hidden * c.model.vocab : count.head);
  c.mtp_parameters = static_cast<double>(count.mtp);
  c.host_share = host_share_of(system, *chip);
  return c;
}

}  // namespace tightrope::infer
