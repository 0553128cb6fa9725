#include "bench/serving/peer.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/serving/simulate.h"
#include "tightrope/traffic/trace_file.h"

namespace tightrope::bench {
namespace {

using nlohmann::json;
using serving::IterationCost;

constexpr std::size_t peer_requests = 2000;  // BLIS needs most of a minute for them

// An iteration in microseconds: a step, each token of a prompt, each sequence in it, each key that
// a decoding one reads. A peer is given the same.
struct Costs {
  double step = 14'000, prefill_token = 45, sequence = 53, decode_key = 0.014;
};

struct Peer {
  const char* name;
  const char* variable;  // of the environment: its checkout
  const char* script;
  const char* rules;
  bool chunks;     // prompts are split at the token budget; if not, whole ones of any length join
  bool keys_cost;  // an iteration's time depends on the keys that are read
};
constexpr std::array<Peer, 3> peers = {
    {{"BLIS", "BLIS", "blis.py", "vLLM v1's", true, true},
     {"Vidur", "VIDUR", "ask_vidur.py", "Sarathi's, which are vLLM v1's", true, true},
     {"splitwise-sim", "SPLITWISE", "ask_splitwise.py", "ORCA's, keys free", false, false}}};

IterationCost cost(double microseconds) {
  return {serving::ticks_of(Seconds(microseconds * 1e-6)), 0};
}

serving::ReplicaKind replica_of(const Costs& c, const Peer& peer) {
  constexpr std::int64_t unbounded = 1 << 20;
  serving::ReplicaKind kind;
  kind.name = "replica";
  kind.scheduler = serving::vllm_v1();
  kind.times.by_tokens.push_back({});
  for (std::int64_t i = 1; i <= kind.scheduler.token_budget; ++i) {
    kind.times.by_tokens.push_back(cost(c.step + c.prefill_token * static_cast<double>(i)));
  }
  kind.times.by_yields = {{}, {}};
  kind.times.decode = cost(c.sequence - c.prefill_token);  // its one token is counted above
  kind.times.prefill = cost(c.sequence);
  kind.times.decode_key = cost(c.decode_key);
  kind.limits.kv_tokens = 1'400'000;
  kind.scheduler.chunked_prefill = peer.chunks;
  if (!peer.chunks) kind.scheduler.token_budget = unbounded;  // the table's last slope goes on
  return kind;
}

json question_of(const serving::ReplicaKind& kind, const Costs& c, const std::string& trace) {
  return {{"trace", trace},
          {"requests", peer_requests},
          {"costs",
           {{"step", c.step},
            {"prefill_token", c.prefill_token},
            {"sequence", c.sequence},
            {"decode_key", c.decode_key}}},
          {"token_budget", kind.scheduler.token_budget},
          {"max_sequences", kind.scheduler.max_sequences},
          {"block_tokens", kind.scheduler.block_tokens},
          {"kv_tokens", kind.limits.kv_tokens}};
}

Result<json> ask(const serving::ReplicaKind& kind, const Costs& c, const traffic::Trace& trace,
                 const Peer& peer) {
  namespace fs = std::filesystem;
  const std::string checkout = std::getenv(peer.variable);
  const fs::path folder = fs::temp_directory_path() / "tightrope_bench_serving";
  fs::create_directories(folder);
  const std::string rows = folder / "trace.csv", in = folder / "question.json",
                    out = folder / "answer.json";
  TR_TRY_VOID(write_file(rows, traffic::trace_text(trace, traffic::TraceFormat::own_csv)));
  TR_TRY_VOID(write_file(in, question_of(kind, c, rows).dump()));
  const char* python = std::getenv("PYTHON");
  const std::string command =
      fmt::format("'{}' '{}/bench/serving/{}' '{}' <'{}' >'{}' 2>'{}/errors'",
                  python == nullptr ? "/usr/bin/python3" : python, TIGHTROPE_SOURCE_DIR,
                  peer.script, checkout, in, out, folder.string());
  if (std::system(command.c_str()) != 0) {
    return fail(ErrorCode::io, fmt::format("{} at {} did not run", peer.name, checkout), {},
                fmt::format("see {}/errors, and what {} needs; PYTHON names the interpreter",
                            folder.string(), peer.script));
  }
  TR_TRY(const std::string answer, read_file(out));
  return json::parse(answer);
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Result<void> run_beside(const Peer& peer, const traffic::Trace& first) {
  Costs costs;
  if (!peer.keys_cost) costs.decode_key = 0;
  serving::Fleet fleet;
  fleet.kinds.push_back(replica_of(costs, peer));
  const double begin = cpu_seconds();
  constexpr int times = 20;
  serving::ServingResult ours;
  for (int i = 0; i < times; ++i) {
    TR_TRY(ours, serving::simulate(fleet, {.source = serving::trace_source(first)}));
  }
  const double spent = (cpu_seconds() - begin) / times;
  TR_TRY(const json answer, ask(fleet.kinds[0], costs, first, peer));
  struct Line {
    const char* name;
    double ours, theirs, within;
  };
  // Means of the same trace under the same rules; a percentile of few may fall on another request.
  const std::array<Line, 4> lines = {
      {{"TTFT, mean", ours.ttft.mean.raw(), answer.at("ttft_mean_s"), 0.02},
       {"TTFT, p99", ours.ttft.p99.value.raw(), answer.at("ttft_p99_s"), 0.05},
       {"ITL, mean", ours.itl.mean.raw(), answer.at("itl_mean_s"), 0.02},
       {"E2E, mean", ours.e2e.mean.raw(), answer.at("e2e_mean_s"), 0.02}}};
  fmt::print("{} beside us, first {} requests of the trace, the same costs and rules ({})\n",
             peer.name, first.size(), peer.rules);
  bool agree = answer.at("finished") == ours.finished;
  for (const Line& line : lines) {
    const double off = line.theirs / line.ours - 1.0;
    agree = agree && std::fabs(off) <= line.within;
    fmt::print("  {:<11} {:10.3f} ms here, {:10.3f} ms there: {:+.2f} %, tolerance {:.0f} %\n",
               line.name, 1e3 * line.ours, 1e3 * line.theirs, 100 * off, 100 * line.within);
  }
  if (!agree) return fail(ErrorCode::conflict, "the answers differ: no time is printed");
  const double theirs = answer.at("cpu_seconds");
  const auto count = static_cast<double>(ours.finished);
  fmt::print("  here {:.0f} requests a CPU second; there {:.0f}, {:.0f} MB: {:.0f} times as fast\n",
             count / spent, count / theirs, answer.at("peak_megabytes").get<double>(),
             theirs / spent);
  return {};
}

}  // namespace

Result<void> run_beside_peers(const traffic::Trace& trace) {
  traffic::Trace first = trace;
  first.requests.resize(std::min(first.requests.size(), peer_requests));
  for (const Peer& peer : peers) {
    if (std::getenv(peer.variable) == nullptr) {
      fmt::print("{} is not run: {} names no checkout\n", peer.name, peer.variable);
      continue;
    }
    TR_TRY_VOID(run_beside(peer, first));
  }
  return {};
}

}  // namespace tightrope::bench
