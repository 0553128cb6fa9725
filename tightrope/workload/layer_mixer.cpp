// Mamba-2 mixers (Dao and Gu 2024) as their fused kernels run them: a causal convolution and a scan
// in chunks, whose backward pass runs both again from the projection's output.
#include "tightrope/workload/layer_builder_internal.h"

namespace tightrope::workload {
namespace {

using enum RecomputeModule;

// States are kept in 32 bits: two elements of 16.
constexpr std::int64_t wide = 2;

// Elements a token of the states at chunk borders, and of the products of two vectors in a chunk.
std::int64_t border_states(const StateSpace& m) { return wide * m.inner() * m.state / m.chunk; }
std::int64_t chunk_products(const StateSpace& m) { return wide * std::int64_t{m.groups} * m.chunk; }

void add_scan(Builder& b) {
  const StateSpace& m = b.kind.mixer;
  const std::int64_t x = m.inner(), vectors = std::int64_t{2} * m.groups * m.state;
  const std::int64_t states = border_states(m), products = chunk_products(m);
  b.pass({.name = "convolution",
          .shard = Shard::tensor,
          .reads = m.channels(),
          .writes = m.channels(),
          .backward_reads = 2 * m.channels(),
          .backward_writes = m.channels(),
          .recomputed_by = layer,
          .scanned = true});
  // States of each chunk, their sum over chunks, products of the vectors, and the output of both.
  const std::int64_t reads = 2 * x + 2 * vectors + 2 * states + products;
  const std::int64_t writes = x + 2 * states + products;
  b.pass({.name = "scan",
          .shard = Shard::tensor,
          .reads = reads,
          .writes = writes,
          .backward_reads = 3 * reads,
          .backward_writes = 3 * writes,
          .recomputed_by = layer,
          .scanned = true});
  b.pass({.name = "gated_norm",
          .shard = Shard::tensor,
          .reads = 2 * x,
          .writes = x,
          .backward_reads = 3 * x,
          .backward_writes = 2 * x,
          .recomputed_by = layer});
}

}  // namespace

void add_mixer(Builder& b) {
  const StateSpace& m = b.kind.mixer;
  const std::int64_t out = m.inner() + m.channels() + std::int64_t{m.gates} * m.heads;
  b.gemm({.name = "mixer_in",
          .in = b.model.hidden,
          .out = out,
          .split = Split::column,
          .role = GemmRole::attention,
          .recomputed_by = layer});
  b.saved({.name = "mixer_in_out",
           .kind = TensorKind::activation,
           .shard = Shard::tensor,
           .elements = out,
           .dropped_by = layer});
  add_scan(b);
  b.saved({.name = "scan_out",
           .kind = TensorKind::activation,
           .shard = Shard::tensor,
           .elements = m.inner(),
           .dropped_by = layer});
  b.saved({.name = "gated_norm_out",
           .kind = TensorKind::gemm_input,
           .shard = Shard::tensor,
           .elements = m.inner(),
           .dropped_by = layer,
           .consumer = "mixer_out"});
  b.gemm({.name = "mixer_out",
          .in = m.inner(),
          .out = b.model.hidden,
          .split = Split::row,
          .role = GemmRole::attention,
          .recomputed_by = layer});
}

Flops scan_flops(const StateSpace& m) {
  const double half_chunk = 0.5 * m.chunk, state = m.state, inner = static_cast<double>(m.inner());
  return Flops(2.0 * m.groups * half_chunk * state + 2.0 * inner * half_chunk +
               4.0 * inner * state);
}

}  // namespace tightrope::workload
