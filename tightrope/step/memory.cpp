// What fills the fullest device.
#include "tightrope/step/estimate.h"

namespace tightrope::step {
namespace {

// Pages of weights or activations that stay on the device while the rest is on the host.
constexpr double resident_layers = 2;
constexpr double half_precision = 2;  // bytes of a 16-bit element

// Beside weights, states and kept activations, at the worse of two moments: the loss with its head,
// or backward in the largest layer.
Bytes transient_of(const Context& c, const Mapping& m, const RunBasis& run) {
  Bytes backward = run.working, loss = run.loss, always = run.held;
  if (c.tuning.stack.placeholder_gradients && !c.frozen_base()) {
    always += Bytes(half_precision * run.distinct_parameters);
  }
  if (m.sharding == Sharding::full) {
    // Compiled steps gather and reduce weight by weight, the others layer by layer, one ahead.
    const bool compiled = c.tuning.stack.graphs;
    const double layers = compiled ? 1.0 : resident_layers;
    always += Bytes(layers * run.layer_parameters * c.recipe.states.weight);
    loss += Bytes(half_precision * run.head_parameters);
    // A layer's gradients stand whole before they are reduced, and once more in what is sent.
    const double whole = half_precision + c.recipe.gradient_sent;
    if (!compiled && !c.frozen_base()) backward += Bytes(whole * run.layer_parameters);
  }
  return always + max(backward, loss);
}

}  // namespace

namespace {

// FSDP under a pipeline: a chunk's whole gradients go once its last micro-batch was reduced. With
// no more micro-batches than stages interleaved chunks run backward one after another.
Bytes whole_gradients(const Context& c, const Mapping& m, Bytes gradients, int micro_batches) {
  const bool in_turn = c.tuning.stack.frees_gradients && micro_batches <= m.pp;
  return in_turn ? gradients / m.vp : gradients;
}

// What its messages hold in pools of their own streams, which no other tensor can use: the layers
// on their way and the reduced gradients.
Bytes message_pools(const Context& c, const Mapping& m, const RunBasis& run, Bytes gradients) {
  if (!c.tuning.stack.frees_gradients || m.pp == 1 || c.frozen_base()) return Bytes(0.0);
  const double sent = c.recipe.states.weight + c.recipe.gradient_sent;
  const int shards = m.shard_ranks > 0 ? m.shard_ranks * m.cp : m.dp * m.cp;
  return Bytes(resident_layers * run.layer_parameters * sent) + gradients / shards;
}

}  // namespace

Bytes moved_activations(const Mapping& m, const RunBasis& run) {
  return m.offload_layers > 0 ? min(run.kept, m.offload_layers * run.layer_kept) : run.kept;
}

Memory peak_memory(const Context& context, const Mapping& m, const Basis& basis,
                   const SyncCost& sync) {
  Memory peak;
  Bytes most(-1.0);
  for (std::size_t i = 0; i < basis.runs.size(); ++i) {
    const RunBasis& run = basis.runs[i];
    const RunSync& s = sync.runs[i];
    Memory here;
    here.stage = run.first;
    const double layer_weights = run.layer_parameters * context.recipe.states.weight;
    here.weights =
        m.offload_weights ? min(s.weights, Bytes(resident_layers * layer_weights)) : s.weights;
    here.gradients = whole_gradients(context, m, s.gradients, basis.micro_batches);
    here.optimizer = m.offload_optimizer ? Bytes(0.0) : s.states;
    here.activations = run.in_flight * run.kept;
    if (m.offload_activations) {
      const Bytes moved = run.in_flight * moved_activations(m, run);
      here.activations -= moved - min(moved, resident_layers * run.layer_kept);
    }
    here.transient = transient_of(context, m, run) + message_pools(context, m, run, s.gradients);
    here.reserve =
        context.tuning.runtime() + context.tuning.slack(here.allocated(), context.kernels.hbm);
    if (here.total() > most) {
      most = here.total();
      peak = here;
    }
  }
  return peak;
}

Bytes printed_peak(const Tuning& tuning, const Memory& memory) {
  if (tuning.stack.figure_device) return memory.total();
  if (!tuning.stack.figure_reserved) return memory.allocated();
  return memory.total() - tuning.runtime();
}

}  // namespace tightrope::step
