#include "tightrope/traffic/generator.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tightrope/traffic/fit.h"
#include "tightrope/traffic/spec_file.h"
#include "tightrope/traffic/summary.h"
#include "tightrope/traffic/trace_file.h"

namespace tightrope::traffic {
namespace {

Distribution lognormal(double mean, double cv) {
  Distribution d;
  d.shape = Shape::lognormal;
  d.mean = mean;
  d.cv = cv;
  d.min = 1.0;
  d.max = 100000.0;
  return d;
}

GeneratorSpec plain() {
  GeneratorSpec spec;
  spec.arrivals.rate = PerSecond(5.0);
  spec.input = lognormal(2000.0, 1.2);
  spec.output = lognormal(300.0, 0.7);
  spec.correlation = 0.4;
  return spec;
}

GeneratorSpec chat() {
  const auto spec = read_spec(std::string(TIGHTROPE_SOURCE_DIR) + "/examples/traces/chat.toml");
  EXPECT_TRUE(spec) << to_string(spec.error());
  GeneratorSpec out = spec.value_or(GeneratorSpec{});
  out.arrivals.profile.clear();
  return out;
}

GeneratorSpec reusing() {
  GeneratorSpec spec = plain();
  spec.prompts = {0.8, 1024, 2};
  spec.reuse.share = 0.5;
  spec.reuse.kept.shape = Shape::uniform;
  spec.reuse.kept.max = 1.0;
  spec.reuse.age_s = lognormal(60.0, 1.0);
  return spec;
}

// Within a share of the larger one.
void expect_near(double a, double b, double share, const char* what) {
  EXPECT_NEAR(a, b, share * std::max(std::abs(a), std::abs(b))) << what;
}

void expect_alike(const Trace& a, const Trace& b) {
  const Summary x = describe(a), y = describe(b);
  expect_near(x.rate.raw(), y.rate.raw(), 0.04, "rate");
  expect_near(x.gap_cv, y.gap_cv, 0.1, "deviation of gaps");
  expect_near(x.input.mean, y.input.mean, 0.04, "mean input");
  expect_near(x.input.p50, y.input.p50, 0.04, "p50 input");
  expect_near(x.input.p90, y.input.p90, 0.05, "p90 input");
  expect_near(x.input.p99, y.input.p99, 0.08, "p99 input");
  expect_near(x.output.mean, y.output.mean, 0.04, "mean output");
  expect_near(x.output.p90, y.output.p90, 0.05, "p90 output");
  EXPECT_NEAR(x.reuse_share, y.reuse_share, 0.02);
}

TEST(Generator, MeanRateIsThatAskedForByEveryProcess) {
  for (const Process process :
       {Process::poisson, Process::gamma, Process::constant, Process::bursty}) {
    for (const bool profiled : {false, true}) {
      GeneratorSpec spec = plain();
      spec.arrivals.process = process;
      spec.arrivals.cv = 2.0;
      spec.arrivals.on = Seconds(2.0);
      spec.arrivals.off = Seconds(3.0);
      if (profiled) {
        spec.arrivals.profile = {1.0, 3.0, 0.0, 0.5};
        spec.arrivals.profile_period = Seconds(100.0);
      }
      const Trace trace = generate(spec, 7, 50000);
      const double end_s = static_cast<double>(trace.requests.back().arrival_ns) * 1e-9;
      expect_near(50000.0 / end_s, 5.0, 0.03, to_string(process));
    }
  }
}

TEST(Generator, PoissonAndGammaGapsHaveTheirDeviation) {
  GeneratorSpec spec = plain();
  EXPECT_NEAR(describe(generate(spec, 3, 50000)).gap_cv, 1.0, 0.03);
  spec.arrivals.process = Process::gamma;
  spec.arrivals.cv = 2.5;
  EXPECT_NEAR(describe(generate(spec, 3, 50000)).gap_cv, 2.5, 0.1);
  spec.arrivals.process = Process::bursty;
  EXPECT_GT(describe(generate(spec, 3, 50000)).dispersion_10s, 5.0);
}

TEST(Generator, ProfileLeavesItsEmptyPartsEmpty) {
  GeneratorSpec spec = plain();
  spec.arrivals.profile = {1.0, 0.0};
  spec.arrivals.profile_period = Seconds(60.0);
  for (const Request& request : generate(spec, 1, 5000).requests) {
    EXPECT_LT(std::fmod(static_cast<double>(request.arrival_ns) * 1e-9, 60.0), 30.0 + 1e-6);
  }
}

TEST(Generator, RareArrivalsOverAShortProfileComeAtOnce) {
  GeneratorSpec spec = plain();
  spec.arrivals.rate = PerSecond(1e-6);
  spec.arrivals.profile = {1.0, 3.0, 0.0};
  spec.arrivals.profile_period = Seconds(1.0);
  const Trace trace = generate(spec, 1, 2000);
  expect_near(static_cast<double>(trace.requests.back().arrival_ns) * 1e-9, 2e9, 0.1, "span");
}

TEST(Generator, LengthsAreCorrelatedAsAskedFor) {
  EXPECT_NEAR(describe(generate(plain(), 2, 30000)).correlation, 0.4, 0.02);
}

TEST(Generator, SameSeedSameBytesAndTheFirstDoNotDependOnTheNumber) {
  for (const GeneratorSpec& spec : {plain(), chat(), reusing()}) {
    const std::string all = trace_text(generate(spec, 9, 3000), TraceFormat::json_lines);
    EXPECT_EQ(all, trace_text(generate(spec, 9, 3000), TraceFormat::json_lines));
    EXPECT_TRUE(all.starts_with(trace_text(generate(spec, 9, 500), TraceFormat::json_lines)));
    EXPECT_NE(all, trace_text(generate(spec, 10, 3000), TraceFormat::json_lines));
  }
}

TEST(Generator, ArrivalsRiseAndBlocksCoverThePrompt) {
  for (const GeneratorSpec& spec : {chat(), reusing()}) {
    const Trace trace = generate(spec, 4, 5000);
    std::int64_t before = 0;
    for (const Request& request : trace.requests) {
      EXPECT_GE(request.arrival_ns, before);
      before = request.arrival_ns;
      const auto blocks = (request.input + spec.block_tokens - 1) / spec.block_tokens;
      EXPECT_EQ(static_cast<int>(request.block_count), blocks);
    }
  }
}

TEST(Generator, ATurnBeginsWithTheWholeBlocksOfTheOneBefore) {
  const GeneratorSpec spec = chat();
  const Trace trace = generate(spec, 4, 5000);
  std::map<int, const Request*> before;
  int later = 0;
  for (const Request& now : trace.requests) {
    const auto found = before.find(now.session);
    if (found != before.end() && now.input < spec.sessions.max_context_tokens) {
      const Request& last = *found->second;
      ++later;
      EXPECT_GT(now.input, last.input + last.output - 1);
      for (int i = 0; i < last.input / spec.block_tokens; ++i) {
        EXPECT_EQ(trace.blocks[now.first_block + i], trace.blocks[last.first_block + i]);
      }
    }
    before[now.session] = &now;
  }
  EXPECT_GT(later, 1000);
}

TEST(Generator, AnUnfilledBlockIsNobodyElses) {
  const GeneratorSpec spec = chat();
  const Trace trace = generate(spec, 4, 5000);
  std::map<std::uint32_t, int> uses;
  for (const std::uint32_t block : trace.blocks) ++uses[block];
  for (const Request& request : trace.requests) {
    if (request.input % spec.block_tokens == 0) continue;
    EXPECT_EQ(uses[trace.blocks[request.first_block + request.block_count - 1]], 1);
  }
}

TEST(Generator, ABlockHasOneContent) {
  // An id must always follow the same id, or two texts would share a block by mistake.
  for (const GeneratorSpec& spec : {chat(), reusing()}) {
    const Trace trace = generate(spec, 6, 5000);
    std::map<std::uint32_t, std::int64_t> parent;
    for (const Request& request : trace.requests) {
      std::int64_t before = -1;
      for (std::uint32_t i = 0; i < request.block_count; ++i) {
        const std::uint32_t block = trace.blocks[request.first_block + i];
        EXPECT_EQ(parent.emplace(block, before).first->second, before);
        before = block;
      }
    }
  }
}

TEST(Fit, WhatIsGeneratedFromAFitIsAlike) {
  GeneratorSpec gamma = plain();
  gamma.arrivals.process = Process::gamma;
  gamma.arrivals.cv = 1.8;
  for (const GeneratorSpec& spec : {plain(), gamma, reusing()}) {
    const Trace trace = generate(spec, 11, 40000);
    const auto fitted = fit(trace);
    ASSERT_TRUE(fitted) << to_string(fitted.error());
    expect_alike(trace, generate(*fitted, 12, 40000));
  }
}

TEST(Fit, FindsSystemPromptsAndSessions) {
  GeneratorSpec spec = chat();
  spec.prompts = {0.5, 1024, 2};
  const Trace trace = generate(spec, 5, 20000);
  const auto fitted = fit(trace);
  ASSERT_TRUE(fitted) << to_string(fitted.error());
  EXPECT_EQ(fitted->prompts.tokens, 1024);
  EXPECT_EQ(fitted->prompts.count, 2);
  EXPECT_NEAR(fitted->prompts.share, 0.5, 0.03);
  ASSERT_TRUE(fitted->sessions.on);
  EXPECT_TRUE(fitted->sessions.history);
  expect_near(Sampler(fitted->sessions.first_input).mean_count(), 120.0, 0.06, "first input");
  const Summary a = describe(trace), b = describe(generate(*fitted, 6, 20000));
  expect_near(a.rate.raw(), b.rate.raw(), 0.05, "rate");
  expect_near(a.input.mean, b.input.mean, 0.08, "mean input");
  expect_near(a.output.mean, b.output.mean, 0.04, "mean output");
  EXPECT_NEAR(a.reuse_share, b.reuse_share, 0.03);
}

TEST(Fit, FindsTheHoursOfTheDay) {
  GeneratorSpec spec = plain();
  spec.arrivals.rate = PerSecond(0.5);
  spec.arrivals.profile = {0.5, 0.5, 2.0, 1.0};
  const auto fitted = fit(generate(spec, 2, 86400));  // two days
  ASSERT_TRUE(fitted) << to_string(fitted.error());
  ASSERT_EQ(fitted->arrivals.profile.size(), 24u);
  EXPECT_NEAR(fitted->arrivals.profile[3], 0.5, 0.06);
  EXPECT_NEAR(fitted->arrivals.profile[15], 2.0, 0.12);
  EXPECT_NEAR(fitted->arrivals.rate.raw(), 0.5, 0.02);
  EXPECT_NEAR(fitted->arrivals.cv, 1.0, 0.05);
}

TEST(SpecFile, ReadsBackWhatItWrites) {
  GeneratorSpec bursty = plain();
  bursty.arrivals.process = Process::bursty;
  bursty.arrivals.profile = {1.0, 2.0};
  for (const GeneratorSpec& spec : {plain(), bursty, chat(), reusing()}) {
    const std::string text = spec_text(spec);
    const auto read = parse_spec(text, "s");
    ASSERT_TRUE(read) << to_string(read.error()) << text;
    EXPECT_EQ(spec_text(*read), text);
    EXPECT_EQ(trace_text(generate(*read, 1, 200), TraceFormat::json_lines),
              trace_text(generate(spec, 1, 200), TraceFormat::json_lines));
  }
}

TEST(SpecFile, BadInputNamesItsLine) {
  const std::string good = spec_text(plain());
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto spec = parse_spec(text, "s");
    return spec ? Error{} : spec.error();
  };
  EXPECT_EQ(changed("version = 1", "version = 2").code, ErrorCode::range);
  EXPECT_EQ(changed("rate_per_s = 5", "rate_per_s = 0").code, ErrorCode::range);
  EXPECT_EQ(changed("rate_per_s = 5", "rate_per_s = \"5\"").code, ErrorCode::type);
  EXPECT_EQ(changed("rate_per_s = 5", "rate = 5").code, ErrorCode::not_found);
  EXPECT_EQ(changed("process = \"poisson\"", "process = \"fish\"").code, ErrorCode::type);
  EXPECT_EQ(changed("correlation = 0.4", "corelation = 0.4").code, ErrorCode::unknown_key);
  EXPECT_EQ(changed("[output_tokens]", "[outputs]").code, ErrorCode::not_found);
  const Error error = changed("rate_per_s = 5", "rate_per_s = -5");
  EXPECT_EQ(error.where.line, 8) << error.what;
}

// A trace at another rate: Poisson arrivals of that rate, requests in their order, by seed.
TEST(DrawArrivals, ArePoissonInTheTracesOrder) {
  Trace trace;
  trace.timed = false;
  constexpr std::int32_t count = 20'000;
  for (std::int32_t i = 1; i <= count; ++i) trace.requests.push_back({.input = i, .output = 1});
  Trace again = trace, other = trace;
  draw_arrivals(trace, PerSecond(4.0), 1);
  draw_arrivals(again, PerSecond(4.0), 1);
  draw_arrivals(other, PerSecond(4.0), 2);
  EXPECT_TRUE(trace.timed);
  for (std::int32_t i = 0; i < count; ++i) {
    EXPECT_EQ(trace.requests[static_cast<std::size_t>(i)].input, i + 1);
  }
  const Summary summary = describe(trace);
  EXPECT_NEAR(summary.rate.raw(), 4.0, 0.1);
  EXPECT_NEAR(summary.gap_cv, 1.0, 0.03);
  EXPECT_NEAR(summary.dispersion_10s, 1.0, 0.15);
  EXPECT_EQ(trace.requests[9].arrival_ns, again.requests[9].arrival_ns);
  EXPECT_NE(trace.requests[9].arrival_ns, other.requests[9].arrival_ns);
}

}  // namespace
}  // namespace tightrope::traffic
