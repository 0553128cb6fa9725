#include "tightrope/cli/option_rows.h"

namespace tightrope::cli {
namespace {

using Rows = std::vector<OptionRow>;

void add_replicas(SimulateServingOptions& o, Rows& rows) {
  PoolWords& w = o.pool;
  rows.insert(
      rows.end(),
      {{"--model", "NAME", "Bundled name, Hugging Face id, or path of a config.json", &o.model},
       {"--system", "NAME", "System the replicas run on", &w.system},
       {"--tp", "N", "Tensor parallel ranks", &w.tp},
       {"--pp", "N", "Pipeline stages", &w.pp},
       {"--dp", "N", "Groups of attention data parallel ranks", &w.dp},
       {"--ep", "N", "Expert parallel groups", &w.ep},
       {"--replicas", "N", "How many; 1 without it", &w.replicas},
       {"--numerics", "NAME", "bf16, fp8, fp8-block, nvfp4, mxfp4, int8, int4; +kv8 or +kv16",
        &w.numerics},
       {"--engine", "NAME", "vllm, sglang, tensorrt-llm or neuron, with a year", &w.engine},
       {"--scheduler", "NAME",
        "vllm, sglang, tensorrt-llm, tensorrt-llm-max-utilization or neuron; the engine's own "
        "without it",
        &w.scheduler},
       {"--drafts", "N", "Tokens guessed an iteration", &o.drafts},
       {"--accepted", "X", "Tokens an iteration yields on average: guesses that hold, and one",
        &o.accepted},
       {"--token-budget", "N", "Tokens of an iteration at most, a group of tp ranks",
        &o.token_budget},
       {"--max-sequences", "N", "Sequences in work at most, a group of tp ranks",
        &o.max_sequences},
       {"--block-size", "N", "Tokens of a page of keys and values", &o.block_size},
       {"--no-prefix-cache", "", "Do not keep pages of finished prompts", &o.no_prefix_cache},
       {"--fleet", "TOML", "A fleet's description instead (docs/guide/simulate_serving.md)",
        &o.fleet},
       {"--plan", "JSON", "What `plan --serve --json FILE` wrote instead", &o.plan},
       {"--pick", "N", "Which of the file's plans", &o.pick}});
}

void add_disaggregated(SimulateServingOptions& o, Rows& rows) {
  PoolWords& p = o.prefill;
  PoolWords& d = o.decode;
  rows.insert(
      rows.end(),
      {{"--prefill-replicas", "N", "Replicas that only prefill", &p.replicas},
       {"--prefill-system", "NAME", "What differs of them: system", &p.system},
       {"--prefill-tp", "N", "their tp", &p.tp},
       {"--prefill-pp", "N", "their pp", &p.pp},
       {"--prefill-dp", "N", "their dp", &p.dp},
       {"--prefill-ep", "N", "their ep", &p.ep},
       {"--prefill-numerics", "NAME", "their numerics", &p.numerics},
       {"--prefill-engine", "NAME", "their engine", &p.engine},
       {"--decode-replicas", "N", "Replicas that only decode", &d.replicas},
       {"--decode-system", "NAME", "What differs of them: system", &d.system},
       {"--decode-tp", "N", "their tp", &d.tp},
       {"--decode-pp", "N", "their pp", &d.pp},
       {"--decode-dp", "N", "their dp", &d.dp},
       {"--decode-ep", "N", "their ep", &d.ep},
       {"--decode-numerics", "NAME", "their numerics", &d.numerics},
       {"--decode-engine", "NAME", "their engine", &d.engine}});
}

void add_load(SimulateServingOptions& o, Rows& rows) {
  rows.insert(
      rows.end(),
      {{"--trace", "FILE", "Requests: Azure's CSV, Mooncake's JSON lines, ours", &o.trace},
       {"--traffic", "TOML", "Requests made up from a spec, as `trace fit` writes", &o.traffic},
       {"--rate", "X", "Requests a second that come at random, all alike", &o.rate},
       {"--input", "N", "With --rate: tokens of a prompt", &o.input},
       {"--output", "N", "With --rate: tokens of an answer", &o.output},
       {"--requests", "N", "How many are made up; 10000 without it", &o.requests},
       {"--seed", "N", "Another seed, other requests and failures", &o.seed},
       {"--rate-scale", "X", "Requests come so many times as fast", &o.rate_scale},
       {"--concurrency", "N", "So many clients, each waiting for its answer, whatever the times",
        &o.concurrency},
       {"--warm-up", "N", "First requests, left out of percentiles", &o.warm_up}});
}

void add_rest(SimulateServingOptions& o, Rows& rows) {
  rows.insert(
      rows.end(),
      {{"--routing", "NAME", "round_robin, least_load, prefix_aware or session", &o.routing},
       {"--autoscale", "MIN:MAX", "Replicas grow and shrink with the requests under way",
        &o.autoscale},
       {"--autoscale-target", "X", "Requests under way a replica should have; 32 without it",
        &o.autoscale_target},
       {"--mtbf", "TIME", "Mean time between failures of a replica", &o.mtbf},
       {"--repair", "TIME", "How long it is gone then; 10min without it", &o.repair},
       {"--slo-ttft", "TIME", "Promised time to the first token, for example 2s", &o.slo_ttft},
       {"--slo-tpot", "TIME", "Promised time a token after it, for example 50ms", &o.slo_tpot},
       {"--slo-e2e", "TIME", "Promised time to the last token", &o.slo_e2e},
       {"--region,--regions", "LIST", "Regions whose prices count, by commas", &o.region},
       {"--term", "TERM", "on_demand, spot, capacity_block, reserved_1y, reserved_3y or purchase",
        &o.term},
       {"--json", "FILE", "Write JSON; - prints it instead of the text", &o.json},
       {"--csv", "FILE", "Write one line a request", &o.csv},
       {"--html", "FILE", "Write a page with charts", &o.html},
       {"--timeline", "FILE", "Write the replicas' work as a trace for Perfetto", &o.timeline}});
}

}  // namespace

std::vector<OptionRow> option_rows(SimulateServingOptions& options) {
  Rows rows;
  add_replicas(options, rows);
  add_disaggregated(options, rows);
  add_load(options, rows);
  add_rest(options, rows);
  return rows;
}

std::vector<OptionRow> option_rows(ValidateServingOptions& options) {
  return {{"--data", "CSV", "CSVs of measured points", &options.data, true},
          {"--calibration", "TOML",
           "What `calibrate serving` wrote, instead of the numbers in the program",
           &options.calibration},
          {"--json", "FILE", "Write the report as JSON; - prints it", &options.json},
          {"--rows", "CSV", "Write one line a measured value, with its bands", &options.rows},
          {"--markdown", "FILE", "Write the report as a page", &options.markdown},
          {"--leave-out", "",
           "Also fit without each model and chip, and judge by those rows (minutes)",
           &options.leave_out}};
}

std::vector<OptionRow> option_rows(CalibrateServingOptions& options) {
  return {{"--data", "CSV", "CSVs of measured points", &options.data, true},
          {"--out", "TOML", "File to write; without it, errors are only reported", &options.out},
          {"--start", "TOML",
           "Engines, chips and what is not fitted; those in the program without it",
           &options.start}};
}

std::vector<OptionRow> option_rows(ValidateNetworkOptions& options) {
  return {{"--data", "CSV", "CSVs of measured collectives and expert exchanges", &options.data,
           true},
          {"--calibration", "TOML",
           "What `calibrate network` wrote, instead of the numbers in the program",
           &options.calibration},
          {"--kernels", "TOML",
           "What `calibrate kernels` wrote: links, instead of those in the program",
           &options.kernels},
          {"--json", "FILE", "Write the report as JSON; - prints it", &options.json},
          {"--rows", "CSV", "Write one line a measured time, with its band", &options.rows},
          {"--markdown", "FILE", "Write the report as a page", &options.markdown},
          {"--leave-out", "",
           "Also fit links without each system, and judge by its rows (a minute)",
           &options.leave_out}};
}

std::vector<OptionRow> option_rows(CalibrateNetworkOptions& options) {
  return {{"--data", "CSV", "CSVs of measured collectives and expert exchanges", &options.data,
           true},
          {"--out", "TOML", "File to write; without it, errors are only reported", &options.out}};
}

}  // namespace tightrope::cli
