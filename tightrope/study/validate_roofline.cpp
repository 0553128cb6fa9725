#include "tightrope/study/validate_roofline.h"

#include <algorithm>

#include "tightrope/core/check.h"

namespace tightrope::study {
namespace {

using workload::Gemm;
using workload::GemmRole;
using workload::Pass;
using workload::Shard;

constexpr double wide = 2;  // bytes of a 16-bit element

// Seconds a token on one whole accelerator.
class Roofline {
 public:
  Roofline(const step::Context& context, const step::Mapping& mapping)
      : c_(context),
        mapping_(mapping),
        batch_tokens_(mapping.micro_batch * static_cast<double>(context.job.seq_len) / mapping.cp),
        bandwidth_(context.chip.hbm_bandwidth.value_or(BytesPerSecond(0.0)).raw()),
        narrow_(context.chip.peak[context.recipe.product].value_or(FlopsPerSecond(0.0)).raw()) {
    wide_ = c_.chip.peak[DType::bf16].value_or(FlopsPerSecond(narrow_)).raw();
    narrow_width_ = bytes_of(c_.recipe.product);
  }

  double part(const step::Part& part) {
    double sum = 0;
    for (const Gemm& g : part.work.gemms) sum += product(g, part);
    if (part.work.attention.heads > 0) sum += attention(part.work.attention);
    for (const Pass& p : part.work.passes) sum += pass(p, part);
    return sum;
  }

 private:
  [[nodiscard]] double kernel(double flops, double bytes, double peak) const {
    return std::max(flops / peak, bandwidth_ > 0 ? bytes / bandwidth_ : 0.0);
  }

  [[nodiscard]] double product(const Gemm& g, const step::Part& part) const {
    const bool expert = g.role == GemmRole::expert;
    const bool linear = g.role != GemmRole::head && g.role != GemmRole::router;
    const double copies = expert ? part.experts_per_token : 1;
    const double held = expert ? std::max(1.0, part.experts / mapping_.ep) : 1;
    const double weights = static_cast<double>(g.weights());
    const double width = linear ? narrow_width_ : wide;
    const double flops = 2 * weights * copies;
    const double bytes =
        width * (held * weights / batch_tokens_ + static_cast<double>(g.in) * copies) +
        wide * static_cast<double>(g.out) * copies;
    const double times = c_.frozen_base() ? 2 : 3;  // no weight gradient of a frozen base
    return times * kernel(flops, bytes, linear ? narrow_ : wide_);
  }

  [[nodiscard]] double attention(const workload::AttentionCore& a) const {
    const double flops = workload::attention_flops(a, c_.job.seq_len).raw();
    const double bytes = wide * (static_cast<double>(a.heads) * (a.qk_dim + a.v_dim) +
                                 static_cast<double>(a.kv_heads) * (a.qk_dim + a.v_dim));
    return kernel(flops, bytes, wide_) + kernel(2.5 * flops, 2.5 * bytes, wide_);
  }

  [[nodiscard]] double pass(const Pass& p, const step::Part& part) const {
    const bool expert = p.shard == Shard::expert_tokens || p.shard == Shard::expert_tensor;
    const double keys = workload::mean_keys(part.work.attention, c_.job.seq_len);
    const double elements =
        static_cast<double>(p.reads + p.writes + p.backward_reads + p.backward_writes) +
        keys * static_cast<double>(p.reads_per_key + p.writes_per_key + p.backward_reads_per_key +
                                   p.backward_writes_per_key);
    return kernel(0, wide * elements * (expert ? part.experts_per_token : 1), wide_);
  }

  const step::Context& c_;
  const step::Mapping& mapping_;
  double batch_tokens_, bandwidth_, narrow_, wide_ = 0, narrow_width_ = wide;
};

}  // namespace

Seconds plain_roofline(const RowCase& row, int accelerators) {
  TR_CHECK(!row.contexts.empty());
  const step::Context& c = row.contexts.front();
  Roofline roofline(c, row.mapping);
  std::vector<double> kinds;
  for (const step::Part& part : c.kinds) kinds.push_back(roofline.part(part));
  double token = roofline.part(c.embedding) + roofline.part(c.head);
  for (const int kind : c.model.layers) token += kinds[static_cast<std::size_t>(kind)];
  if (c.model.mtp_layers > 0) {
    token += c.model.mtp_layers * (kinds[static_cast<std::size_t>(c.model.layers.back())] +
                                   roofline.part(c.mtp) + roofline.part(c.head));
  }
  return Seconds(token * row.tokens / accelerators);
}

}  // namespace tightrope::study
