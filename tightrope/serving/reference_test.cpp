#include <algorithm>
#include <deque>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tightrope/serving/test_fleets_internal.h"

namespace tightrope::serving {
namespace {

/// The engine's loop written down as plainly as it can be: one iteration after the other, one
/// sequence after the other, every page counted where it is taken. vLLM v1 without prefix cache.
class PlainScheduler {
 public:
  struct Sequence {
    Ticks arrival = 0, admitted = -1, first = -1, end = 0;
    std::int64_t input = 0, output = 0, generated = 0, computed = 0, pages = 0;
    bool is_prefilling = true;
  };

  PlainScheduler(const ReplicaKind& kind, const traffic::Trace& trace)
      : times_(kind.times),
        rules_(kind.scheduler),
        free_(kind.limits.kv_tokens / rules_.block_tokens) {
    for (const traffic::Request& r : trace.requests) {
      sequences.push_back(
          {.arrival = ticks_of_nanoseconds(r.arrival_ns), .input = r.input, .output = r.output});
    }
  }

  void run() {
    std::size_t next = 0;
    while (true) {
      if (looks()) {
        while (next < sequences.size() && sequences[next].arrival <= now_ && !held(next)) {
          waiting_.push_back(next++);
        }
      }
      work_ = {};
      chosen_.clear();
      schedule();
      if (!chosen_.empty()) {
        const IterationCost cost = times_.cost(work_);
        now_ += cost.time;
        ends_.push_back(now_);
        energy += cost.energy;
        ++iterations;
        finish_iteration();
      } else if (next < sequences.size()) {
        now_ = sequences[next].arrival;
      } else {
        return;
      }
    }
  }

  std::vector<Sequence> sequences;
  EnergyTicks energy = 0;
  std::int64_t iterations = 0, preemptions = 0;

 private:
  using Chosen = std::pair<std::size_t, std::int64_t>;

  [[nodiscard]] bool take(Sequence& s, std::int64_t tokens) {
    const std::int64_t page = rules_.block_tokens;
    const std::int64_t pages = (s.computed + tokens + page - 1) / page - s.pages;
    if (pages > free_) return false;
    free_ -= pages;
    s.pages += pages;
    return true;
  }

  void choose(std::size_t at, std::int64_t tokens) {
    chosen_.emplace_back(at, tokens);
    const Sequence& s = sequences[at];
    work_.tokens += tokens;
    const bool yields = s.computed + tokens == s.input + s.generated;
    work_.yields += yields ? 1 : 0;
    if (!s.is_prefilling) {
      ++work_.decodes;
      work_.decode_keys += s.computed + 1;
      work_.decode_window_keys += std::min(s.computed + 1, times_.window);
      return;
    }
    ++work_.prefills;
    for (std::int64_t i = 1; i <= tokens; ++i) {
      work_.prefill_scores += s.computed + i;
      work_.prefill_window_scores += std::min(s.computed + i, times_.window);
    }
  }

  void schedule() {
    std::int64_t budget = rules_.token_budget;
    bool was_put_back = false;
    for (std::size_t i = 0; i < running_.size() && budget > 0; ++i) {
      const std::size_t at = running_[i];
      Sequence& s = sequences[at];
      const std::int64_t tokens = std::min(s.input + s.generated - s.computed, budget);
      bool fits = take(s, tokens);
      while (!fits) {
        const std::size_t victim = running_.back();
        running_.pop_back();
        free_ += sequences[victim].pages;
        sequences[victim].pages = sequences[victim].computed = 0;
        sequences[victim].is_prefilling = true;
        waiting_.push_front(victim);
        ++preemptions;
        was_put_back = true;
        if (victim == at) break;
        fits = take(s, tokens);
      }
      if (!fits) break;
      choose(at, tokens);
      budget -= tokens;
    }
    while (!was_put_back && !waiting_.empty() && budget > 0 &&
           static_cast<std::int64_t>(running_.size()) < rules_.max_sequences) {
      const std::size_t at = waiting_.front();
      Sequence& s = sequences[at];
      const std::int64_t page = rules_.block_tokens;
      const std::int64_t target = s.input + s.generated, tokens = std::min(target, budget);
      if (rules_.whole_input && (target + page - 1) / page > free_) break;
      if (!take(s, tokens)) break;
      waiting_.pop_front();
      running_.push_back(at);
      if (s.admitted < 0) s.admitted = now_;
      choose(at, tokens);
      budget -= tokens;
    }
  }

  /// After prefills, when nothing decodes, and every `poll_steps` decode steps.
  [[nodiscard]] bool looks() {
    const bool decodes = std::any_of(running_.begin(), running_.end(), [this](std::size_t at) {
      return !sequences[at].is_prefilling;
    });
    if (work_.prefills > 0 || !decodes) steps_ = 0;
    return steps_++ % rules_.poll_steps == 0;
  }

  /// Fewer iterations than run ahead have ended since it came, and others run.
  [[nodiscard]] bool held(std::size_t at) const {
    const auto since = std::upper_bound(ends_.begin(), ends_.end(), sequences[at].arrival);
    return !running_.empty() && ends_.end() - since < rules_.ahead_steps;
  }

  void finish_iteration() {
    for (const auto& [at, tokens] : chosen_) {
      Sequence& s = sequences[at];
      s.computed += tokens;
      if (s.computed < s.input + s.generated) continue;
      s.is_prefilling = false;
      ++s.generated;
      if (s.first < 0) s.first = now_;
      if (s.generated < s.output) continue;
      s.end = now_;
      free_ += s.pages;
      s.pages = 0;
      running_.erase(std::find(running_.begin(), running_.end(), at));
    }
  }

  const formula::IterationTimes& times_;
  const SchedulerOptions& rules_;
  std::int64_t free_;
  Ticks now_ = 0;
  std::int64_t steps_ = 0;  // since the first look
  std::deque<std::size_t> waiting_;
  std::vector<std::size_t> running_;
  std::vector<Ticks> ends_;  // of all iterations
  std::vector<Chosen> chosen_;
  formula::IterationWork work_;
};

traffic::Trace random_trace(Chance& chance) {
  traffic::Trace trace;
  const std::int64_t count = chance.in(1, 80), gap = chance.in(0, 60'000'000);
  const std::int64_t longest = chance.in(1, 200);
  std::int64_t now = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    now += chance.in(0, gap);
    trace.requests.push_back({.arrival_ns = now,
                              .input = static_cast<std::int32_t>(chance.in(1, 200)),
                              .output = static_cast<std::int32_t>(chance.in(1, longest))});
  }
  return trace;
}

// Law: the simulator does, in everything a user could see, what the plain loop does.
RC_GTEST_PROP(Reference, EqualsThePlainLoop, (std::uint64_t seed)) {
  Chance chance(seed);
  const traffic::Trace trace = random_trace(chance);
  SchedulerOptions rules = vllm_v1();
  rules.block_tokens = chance.in(1, 17);
  rules.max_sequences = chance.in(1, 32);
  rules.token_budget = chance.in(32, 700);
  rules.whole_input = chance.in(0, 1) == 0;
  rules.prefix_cache = false;
  rules.poll_steps = chance.in(0, 1) == 0 ? 1 : chance.in(2, 12);
  rules.ahead_steps = chance.in(0, 1) == 0 ? 0 : chance.in(1, 4);
  const TimesShape shape{.step = 2'000.0 + 9'000.0 * chance.uniform(),
                         .key = chance.uniform(),
                         .flat = 20,
                         .most = 700,
                         .window = chance.in(0, 1) * chance.in(1, 300)};
  Fleet fleet;
  fleet.kinds.push_back(kind_of_shape(shape, chance.in(450, 3000), rules));
  std::vector<RequestRecord> records(trace.size());
  RunOptions options;
  options.on_finish = [&](const RequestRecord& r) {
    records[static_cast<std::size_t>(r.serial)] = r;
  };
  Load load = open_load(trace);
  load.content_tokens = rules.block_tokens;
  const auto result = simulate(fleet, load, options);
  RC_ASSERT(result.has_value());
  PlainScheduler plain(fleet.kinds[0], trace);
  plain.run();
  RC_ASSERT(result->finished == static_cast<std::int64_t>(trace.size()));
  RC_ASSERT(result->iterations == plain.iterations);
  RC_ASSERT(result->preemptions == plain.preemptions);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const PlainScheduler::Sequence& s = plain.sequences[i];
    RC_ASSERT(records[i].queue == seconds_of(s.admitted - s.arrival));
    RC_ASSERT(records[i].ttft == seconds_of(s.first - s.arrival));
    RC_ASSERT(records[i].e2e == seconds_of(s.end - s.arrival));
  }
  const Joules busy{static_cast<double>(plain.energy) / formula::ticks_per_joule};
  const Seconds idle = result->provisioned - result->busy;
  RC_ASSERT(std::abs((busy + fleet.kinds[0].times.idle * idle - result->energy).raw()) < 1e-6);
  RC_CLASSIFY(plain.preemptions > 0, "preempted");
}

}  // namespace
}  // namespace tightrope::serving
