#include "tightrope/step/evidence.h"

#include <fmt/format.h>

#include "tightrope/step/context.h"

namespace tightrope::step {

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
  t.stack = context.tuning.stack.name;
  t.format = context.recipe.product;
  for (const workload::LayerKind& kind : context.model.kinds) {
    t.routed = t.routed || kind.routed();
  }
  t.borrowed = !context.borrowed_from.empty();
  return t;
}

}  // namespace tightrope::step
