// Collects one layer's tables, for the files that add its parts.
#pragma once

#include "tightrope/workload/layer_work.h"

namespace tightrope::workload {

/// One layer's tables as they grow; each part of the layer adds its own rows.
struct Builder {
  const Model& model;
  const LayerKind& kind;
  const WorkOptions& options;
  LayerWork work;

  void gemm(Gemm g) { work.gemms.push_back(g); }
  void saved(SavedTensor t) { work.saved.push_back(t); }
  void pass(Pass p) { work.passes.push_back(p); }

  void norm(std::string_view name, Shard shard, std::int64_t width, ModuleSet by) {
    pass({.name = name,
          .shard = shard,
          .reads = width,
          .writes = width,
          .backward_reads = 2 * width,
          .backward_writes = width,
          .recomputed_by = by});
  }
  void residual(std::string_view name, std::int64_t branches) {
    const std::int64_t h = model.hidden;
    pass({.name = name,
          .shard = Shard::sequence,
          .reads = (1 + branches) * h,
          .writes = h,
          .backward_reads = (1 + branches) * h,
          .backward_writes = h,
          .recomputed_by = RecomputeModule::layer});
  }
  /// The activation function on an FFN of `width`.
  void activate(std::string_view name, Shard shard, std::int64_t width, ModuleSet by) {
    const std::int64_t in = (kind.ffn.gated ? 2 : 1) * width;
    pass({.name = name,
          .shard = shard,
          .reads = in,
          .writes = width,
          .backward_reads = in + width,
          .backward_writes = in,
          .recomputed_by = by});
  }
  void mask(std::string_view name) {
    if (!options.dropout) return;
    saved({.name = name,
           .kind = TensorKind::mask,
           .shard = Shard::sequence,
           .elements = model.hidden,
           .dropped_by = RecomputeModule::layer});
  }
};

/// Projections, convolution, scan and gated norm of a state-space layer.
void add_mixer(Builder& builder);

}  // namespace tightrope::workload
