#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <unordered_map>

#include "tightrope/traffic/fit_internal.h"
#include "tightrope/traffic/generator.h"
#include "tightrope/traffic/summary.h"

namespace tightrope::traffic {
namespace {

constexpr double usual_share = 0.1;    // of requests that begin alike: a system prompt
constexpr double going_on = 0.8;       // of those, that have the next block in common too
constexpr double growing_share = 0.9;  // of turns that are longer than what came before them

std::span<const std::uint32_t> blocks_of(const Trace& trace, const Request& request) {
  return std::span(trace.blocks).subspan(request.first_block, request.block_count);
}

// The block that most of the given requests have at a depth, and how many.
std::pair<std::uint32_t, std::size_t> commonest(const Trace& trace,
                                                const std::vector<const Request*>& requests,
                                                std::size_t depth) {
  std::map<std::uint32_t, std::size_t> counts;
  for (const Request* request : requests) {
    const auto blocks = blocks_of(trace, *request);
    if (depth < blocks.size()) ++counts[blocks[depth]];
  }
  std::pair<std::uint32_t, std::size_t> best{0, 0};
  for (const auto& [block, count] : counts) {
    if (count > best.second) best = {block, count};
  }
  return best;
}

// How many first blocks most of the requests have in common.
std::size_t common_depth(const Trace& trace, std::vector<const Request*> requests) {
  std::size_t depth = 0;
  while (true) {
    const auto [usual, count] = commonest(trace, requests, depth);
    const double least = going_on * static_cast<double>(requests.size());
    if (count < 2 || static_cast<double>(count) < least) return depth;
    std::erase_if(requests, [&, wanted = usual](const Request* request) {
      const auto blocks = blocks_of(trace, *request);
      return depth >= blocks.size() || blocks[depth] != wanted;
    });
    ++depth;
  }
}

// Blocks that requests had before them, counted from the front.
struct Hits {
  std::vector<double> kept, age_s;  // of requests that share more than the system prompt
};

Hits count_hits(const Trace& trace, std::size_t prompt_blocks) {
  Hits out;
  std::unordered_map<std::uint32_t, std::int64_t> last_used;  // looked up only
  for (const Request& request : trace.requests) {
    const auto blocks = blocks_of(trace, request);
    std::size_t shared = 0;
    std::int64_t used_ns = 0;
    for (; shared < blocks.size(); ++shared) {
      const auto found = last_used.find(blocks[shared]);
      if (found == last_used.end()) break;
      used_ns = found->second;
    }
    if (shared > prompt_blocks) {
      out.kept.push_back(static_cast<double>(shared) / static_cast<double>(blocks.size()));
      out.age_s.push_back(static_cast<double>(request.arrival_ns - used_ns) * 1e-9);
    }
    for (const std::uint32_t block : blocks) last_used[block] = request.arrival_ns;
  }
  return out;
}

// Turns of each session, by arrival.
std::map<std::int32_t, std::vector<const Request*>> sessions_of(const Trace& trace) {
  std::map<std::int32_t, std::vector<const Request*>> out;
  std::int32_t alone = -1;
  for (const Request& request : trace.requests) {
    out[request.session >= 0 ? request.session : alone--].push_back(&request);
  }
  return out;
}

struct Turns {
  std::vector<double> counts, think_s, first, later, begins;
};

Turns measure_turns(const Trace& trace, const PromptFit& found) {
  Turns out;
  for (const auto& [session, turns] : sessions_of(trace)) {
    out.counts.push_back(static_cast<double>(turns.size()));
    out.begins.push_back(static_cast<double>(turns.front()->arrival_ns) * 1e-9);
    const Request& first = *turns.front();
    const bool prompted =
        first.block_count > 0 && found.first_blocks.contains(blocks_of(trace, first)[0]);
    out.first.push_back(std::max(1, first.input - (prompted ? found.prompts.tokens : 0)));
    for (std::size_t i = 1; i < turns.size(); ++i) {
      const Request &now = *turns[i], &before = *turns[i - 1];
      out.think_s.push_back(static_cast<double>(now.arrival_ns - before.arrival_ns) * 1e-9);
      const double added = static_cast<double>(now.input) - before.input - before.output;
      if (added >= 1.0) out.later.push_back(added);
    }
  }
  std::ranges::sort(out.begins);
  return out;
}

}  // namespace

PromptFit fit_prompts(const Trace& trace) {
  PromptFit out;
  std::map<std::uint32_t, std::vector<const Request*>> by_first;
  for (const Request& request : trace.requests) {
    if (request.block_count > 0) by_first[blocks_of(trace, request)[0]].push_back(&request);
  }
  const auto all = static_cast<double>(trace.size());
  double having = 0.0, depths = 0.0;
  for (const auto& [block, requests] : by_first) {
    const auto having_it = static_cast<double>(requests.size());
    if (having_it < std::max(2.0, usual_share * all)) continue;
    out.first_blocks.insert(block);
    having += having_it;
    depths += static_cast<double>(common_depth(trace, requests));
  }
  if (out.first_blocks.empty()) return out;
  out.prompts.count = static_cast<int>(out.first_blocks.size());
  out.prompts.share = having / all;
  out.prompts.tokens =
      trace.block_tokens * static_cast<int>(std::floor(depths / out.prompts.count + 0.5));
  return out;
}

void fit_sessions(const Trace& trace, const PromptFit& found, GeneratorSpec& spec) {
  const Turns turns = measure_turns(trace, found);
  if (turns.think_s.empty() || turns.begins.back() <= turns.begins.front()) return;
  Sessions& s = spec.sessions;
  s.on = true;
  s.history = static_cast<double>(turns.later.size()) >=
              growing_share * static_cast<double>(turns.think_s.size());
  s.turns = fit_quantiles(turns.counts);
  s.think_s = fit_quantiles(turns.think_s);
  // Sessions begin by their own process, at a rate that is told in requests.
  const PerSecond rate = spec.arrivals.rate;
  spec.arrivals = fit_arrivals(turns.begins);
  spec.arrivals.rate = rate;
  s.max_context_tokens = std::ranges::max_element(trace.requests, {}, &Request::input)->input;
  s.first_input = spec.input;
  if (!s.history) return;
  s.first_input = fit_quantiles(turns.first);
  spec.input = fit_quantiles(turns.later);
  spec.correlation = 0.0;  // what answers depend on is the whole prompt, not its new part
}

void fit_reuse(const Trace& trace, GeneratorSpec& spec) {
  const int prompt_blocks = spec.prompts.tokens / spec.block_tokens;
  const Hits hits = count_hits(trace, static_cast<std::size_t>(prompt_blocks));
  if (hits.kept.empty()) return;
  spec.reuse.kept = fit_quantiles(hits.kept);
  spec.reuse.age_s = fit_quantiles(hits.age_s);
  const double measured = static_cast<double>(hits.kept.size()) / static_cast<double>(trace.size());
  const double wanted = describe(trace).reuse_share;
  // A prompt's length and what it keeps go together in traces and not in the generator, so that the
  // share of requests is set by the blocks that come out, with a seed of its own.
  double low = 0.0, high = 1.0;
  double share = std::clamp(measured, 0.001, 1.0);
  const auto requests =
      static_cast<std::int64_t>(std::clamp<std::size_t>(trace.size(), 2000, 20000));
  constexpr int tries = 10;
  for (int i = 0; i < tries; ++i) {
    spec.reuse.share = share;
    const double made = describe(generate(spec, 1, requests)).reuse_share;
    if (std::abs(made - wanted) < 0.002) break;
    (made < wanted ? low : high) = share;
    share = 0.5 * (low + high);
  }
}

}  // namespace tightrope::traffic
