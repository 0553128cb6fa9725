#include "tightrope/formula/kernels.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::formula {
namespace {

double between(double low, double high) {
  const int steps = 10000;
  return low + (high - low) * *rc::gen::inRange(0, steps + 1) / steps;
}

double whole(int low, int high) { return static_cast<double>(*rc::gen::inRange(low, high)); }

GemmCoefficients any_coefficients() {
  GemmCoefficients c;
  c.peak_share = between(0.1, 1.0);
  c.tile_m = 64.0 * whole(1, 5);
  c.tile_n = 64.0 * whole(1, 5);
  c.small_tile_share = between(0.3, 1.0);
  c.k_half = between(0.0, 1000.0);
  c.wave_share = between(0.0, 1.0);
  c.split_share = between(0.0, 1.0);
  c.overlap_loss = between(0.0, 1.0);
  c.launch = Seconds(between(0.0, 1e-5));
  return c;
}

RankKernels any_kernels() {
  RankKernels k;
  k.peak[DType::bf16] = FlopsPerSecond(between(1e13, 3e15));
  k.hbm_bandwidth = BytesPerSecond(between(1e11, 1e13));
  k.compute_units = whole(1, 300);
  k.launch = Seconds(between(0.0, 1e-5));
  k.hbm_share = between(0.3, 1.0);
  k.hbm_read_share = between(0.3, 1.0);
  k.hbm_half = Bytes(between(0.0, 1e7));
  k.gemm[DType::bf16] = any_coefficients();
  k.attention_forward = {between(0.2, 1.0), between(0.0, 2000.0), Flops(between(0.0, 500.0))};
  k.attention_backward = {between(0.2, 1.0), between(0.0, 2000.0), Flops(between(0.0, 500.0))};
  return k;
}

GemmShape any_product() {
  GemmShape s;
  s.m = whole(1, 20000);
  s.n = whole(1, 20000);
  s.k = whole(1, 20000);
  s.groups = whole(1, 9);
  s.accumulate = *rc::gen::arbitrary<bool>();
  return s;
}

AttentionShape any_attention() {
  AttentionShape s;
  s.batch = whole(1, 5);
  s.q_len = whole(1, 9000);
  s.kv_len = s.q_len + whole(0, 9000);
  s.kv_heads = whole(1, 9);
  s.heads = s.kv_heads * whole(1, 9);
  s.qk_dim = 64.0 * whole(1, 4);
  s.v_dim = 64.0 * whole(1, 3);
  s.causal = *rc::gen::arbitrary<bool>();
  return s;
}

/// Rounding differs by an ulp or two between equal expressions.
bool no_less(Seconds a, Seconds b) { return a.raw() >= b.raw() * (1.0 - 1e-12); }

// No product beats the peak or the memory's nameplate.
void gemm_respects_roofline() {
  const RankKernels k = any_kernels();
  const GemmShape s = any_product();
  const KernelTime t = gemm(s, k);
  RC_ASSERT(no_less(t.time, t.flops / k.peak[DType::bf16]));
  RC_ASSERT(no_less(t.time, t.bytes / k.hbm_bandwidth));
  RC_ASSERT(no_less(t.time, max(t.math, t.memory) + t.overhead));
  RC_ASSERT(t.flops.raw() == 2.0 * s.m * s.n * s.k * s.groups);
}

// Better silicon is never slower.
void gemm_gains_from_silicon() {
  const RankKernels k = any_kernels();
  const GemmShape s = any_product();
  RankKernels better = k;
  better.peak[DType::bf16] *= between(1.0, 3.0);
  better.hbm_bandwidth *= between(1.0, 3.0);
  better.launch *= between(0.0, 1.0);
  RC_ASSERT(no_less(gemm(s, k).time, gemm(s, better).time));
}

// A product that is larger in any way is never quicker: padding can make it equal, not less.
void gemm_grows_with_shape() {
  const RankKernels k = any_kernels();
  const GemmShape s = any_product();
  GemmShape larger = s;
  larger.m += whole(0, 500);
  larger.n += whole(0, 500);
  larger.k += whole(0, 500);
  larger.groups += whole(0, 3);
  RC_ASSERT(no_less(gemm(larger, k).time, gemm(s, k).time));
}

// A product's two sides are alike.
void gemm_is_symmetric() {
  const RankKernels k = any_kernels();
  const GemmShape s = any_product();
  GemmShape turned = s;
  std::swap(turned.m, turned.n);
  RC_ASSERT(no_less(gemm(turned, k).time, gemm(s, k).time));
  RC_ASSERT(no_less(gemm(s, k).time, gemm(turned, k).time));
}

TEST(Kernels, GemmLaws) {
  EXPECT_TRUE(rc::check("a product keeps to the roofline", gemm_respects_roofline));
  EXPECT_TRUE(rc::check("better silicon is never slower", gemm_gains_from_silicon));
  EXPECT_TRUE(rc::check("a larger product is never quicker", gemm_grows_with_shape));
  EXPECT_TRUE(rc::check("m and n are alike", gemm_is_symmetric));
}

TEST(Kernels, IdealGemmIsFlopsOverPeak) {
  RankKernels k;
  k.peak[DType::bf16] = FlopsPerSecond(1e15);
  k.hbm_bandwidth = BytesPerSecond(1e18);
  k.compute_units = 64;
  k.gemm[DType::bf16] = {.peak_share = 1.0,
                         .tile_m = 128,
                         .tile_n = 128,
                         .small_tile_share = 1.0,
                         .k_half = 0.0,
                         .overlap_loss = 0.0};
  const GemmShape whole_waves{.m = 1024, .n = 4096, .k = 8192};
  EXPECT_NEAR(gemm(whole_waves, k).time.raw(), 2.0 * 1024 * 4096 * 8192 / 1e15, 1e-15);
  // One row more opens a wave of half tiles: 8 x 4096 rows of padding, not a whole wave.
  const GemmShape one_more{.m = 1025, .n = 4096, .k = 8192};
  EXPECT_GT(gemm(one_more, k).time.raw(), 1.05 * gemm(whole_waves, k).time.raw());
}

TEST(Kernels, ManySmallExpertsPadTheirTiles) {
  RankKernels k;
  k.peak[DType::bf16] = FlopsPerSecond(1e15);
  k.hbm_bandwidth = BytesPerSecond(1e18);
  k.compute_units = 128;
  k.gemm[DType::bf16].tile_m = k.gemm[DType::bf16].tile_n = 128;
  const GemmShape one{.m = 8192, .n = 4096, .k = 4096};
  const GemmShape experts{.m = 8, .n = 4096, .k = 4096, .groups = 1024};
  EXPECT_EQ(gemm(one, k).flops.raw(), gemm(experts, k).flops.raw());
  EXPECT_GT(gemm(experts, k).time.raw(), 4.0 * gemm(one, k).time.raw());
}

TEST(Kernels, NothingTakesNoTime) {
  const RankKernels k;
  EXPECT_EQ(gemm({.m = 0, .n = 8, .k = 8}, k).time.raw(), 0.0);
  EXPECT_EQ(gemm({.m = 8, .n = 8, .k = 8, .groups = 0}, k).time.raw(), 0.0);
  EXPECT_EQ(attention_forward({}, k).time.raw(), 0.0);
  EXPECT_EQ(attention_backward({}, k).time.raw(), 0.0);
  EXPECT_EQ(stream(Bytes(0.0), k).time.raw(), 0.0);
}

TEST(Kernels, FormatTheChipLacksTakesForever) {
  RankKernels k;
  k.hbm_bandwidth = BytesPerSecond(1e12);
  const GemmShape s{.m = 128, .n = 128, .k = 128, .dtype = DType::fp4};
  EXPECT_TRUE(std::isinf(gemm(s, k).time.raw()));
}

double counted_scores(const AttentionShape& s) {
  double scores = 0.0;
  for (double q = 0; q < s.q_len; ++q) {
    const double position = s.kv_len - s.q_len + q;
    for (double key = 0; key < s.kv_len; ++key) {
      const bool future = s.causal && key > position;
      const bool old = s.causal && s.window > 0.0 && key <= position - s.window;
      if (!future && !old) scores += 1.0;
    }
  }
  return scores;
}

RC_GTEST_PROP(Kernels, AttentionScores, ()) {
  AttentionShape s;
  s.q_len = whole(1, 40);
  s.kv_len = s.q_len + whole(0, 40);
  s.causal = *rc::gen::arbitrary<bool>();
  if (s.causal) s.window = whole(0, 90);
  RC_ASSERT(std::abs(attention_scores(s) - counted_scores(s)) < 1e-6);
}

void attention_respects_roofline() {
  const RankKernels k = any_kernels();
  const AttentionShape s = any_attention();
  for (const KernelTime& t : {attention_forward(s, k), attention_backward(s, k)}) {
    RC_ASSERT(no_less(t.time, t.flops / k.peak[DType::bf16]));
    RC_ASSERT(no_less(t.time, t.bytes / k.hbm_bandwidth));
  }
}

void attention_grows_with_shape() {
  const RankKernels k = any_kernels();
  const AttentionShape s = any_attention();
  AttentionShape larger = s;
  const double tokens = whole(0, 500);
  larger.q_len += tokens;
  larger.kv_len += tokens;
  larger.batch += whole(0, 3);
  larger.heads += whole(0, 3);
  RC_ASSERT(no_less(attention_forward(larger, k).time, attention_forward(s, k).time));
  RC_ASSERT(no_less(attention_backward(larger, k).time, attention_backward(s, k).time));
}

void attention_gains_from_masks() {
  const RankKernels k = any_kernels();
  AttentionShape s = any_attention();
  s.causal = false;
  AttentionShape masked = s;
  masked.causal = true;
  AttentionShape windowed = masked;
  windowed.window = whole(1, 4000);
  RC_ASSERT(no_less(attention_forward(s, k).time, attention_forward(masked, k).time));
  RC_ASSERT(no_less(attention_forward(masked, k).time, attention_forward(windowed, k).time));
}

TEST(Kernels, AttentionLaws) {
  EXPECT_TRUE(rc::check("attention keeps to the roofline", attention_respects_roofline));
  EXPECT_TRUE(rc::check("more attention is never quicker", attention_grows_with_shape));
  EXPECT_TRUE(rc::check("a mask never costs", attention_gains_from_masks));
}

TEST(Kernels, BackwardIsFiveProductsToTwo) {
  RankKernels k;
  k.peak[DType::bf16] = FlopsPerSecond(1e15);
  k.hbm_bandwidth = BytesPerSecond(1e13);
  const AttentionShape s{.batch = 1,
                         .q_len = 8192,
                         .kv_len = 8192,
                         .heads = 8,
                         .kv_heads = 8,
                         .qk_dim = 128,
                         .v_dim = 128};
  EXPECT_DOUBLE_EQ(attention_backward(s, k).flops.raw(), 2.5 * attention_forward(s, k).flops.raw());
}

void sustained_laws() {
  const FlopsPerSecond clock(between(1e12, 1e16));
  const Watts power(between(100.0, 2000.0));
  const double work = between(1e11, 1e13);
  const FlopsPerSecond rate = sustained_rate({clock, power, work});
  RC_ASSERT(rate.raw() <= clock.raw() * (1 + 1e-12));
  RC_ASSERT(rate.raw() <= power.raw() * work * (1 + 1e-12));
  RC_ASSERT(sustained_rate({clock, 1.1 * power, work}).raw() >= rate.raw());
  RC_ASSERT(sustained_rate({1.1 * clock, power, work}).raw() >= rate.raw());
  RC_ASSERT(sustained_rate({clock, Watts(0.0), work}) == clock);
  RC_ASSERT(sustained_rate({clock, power, 0.0}) == clock);
}

TEST(Kernels, SustainedRateKeepsBothLimits) {
  EXPECT_TRUE(rc::check("neither the clock's nor the power's limit is passed", sustained_laws));
}

void stream_laws() {
  const RankKernels k = any_kernels();
  const Bytes a(between(1.0, 1e9)), b(between(1.0, 1e9));
  RC_ASSERT(no_less(stream(a, k).time, a / k.hbm_bandwidth));
  RC_ASSERT(no_less(stream(a + b, k).time, stream(a, k).time));
  // One pass over both is never slower than two passes.
  RC_ASSERT(no_less(stream(a, k).time + stream(b, k).time, stream(a + b, k).time));
}

TEST(Kernels, StreamLaws) { EXPECT_TRUE(rc::check("streams keep their laws", stream_laws)); }

}  // namespace
}  // namespace tightrope::formula
