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
        "vllm, sglang, tensorrt-llm, tensorrt-llm-max-utilization, neuron or neuron-static; the "
        "engine's own without it",
        &w.scheduler},
       {"--drafts", "N", "Tokens guessed an iteration", &o.drafts},
       {"--accepted", "X",
        "Tokens an iteration yields on average: guesses that hold, and one; or shares of "
        "iterations "
        "that yield 1, 2, ..., drawn for each request",
        &o.accepted},
       {"--acceptance", "X", "Instead: how likely a guess holds if those before it did",
        &o.acceptance},
       {"--batch-wait", "TIME", "Static batches start when their first request has waited so long",
        &o.batch_wait},
       {"--token-budget", "N", "Tokens of an iteration at most, a group of tp ranks",
        &o.token_budget},
       {"--max-sequences", "N", "Sequences in work at most, a group of tp ranks", &o.max_sequences},
       {"--block-size", "N", "Tokens of a page of keys and values", &o.block_size},
       {"--no-prefix-cache", "", "Do not keep pages of finished prompts", &o.no_prefix_cache},
       {"--poll-steps", "N", "Decode steps between looks at the queue (--scheduler-recv-interval)",
        &o.poll_steps},
       {"--preemption", "NAME", "What is put back: recompute or swap", &o.preemption},
       {"--fleet", "TOML", "A fleet's description instead (docs/guide/simulate_serving.md)",
        &o.fleet},
       {"--plan", "JSON", "What `plan --serve --json FILE` wrote instead", &o.plan},
       {"--pick", "N", "Which of the file's plans", &o.pick}});
}

void add_disaggregated(SimulateServingOptions& o, Rows& rows) {
  PoolWords& p = o.prefill;
  PoolWords& d = o.decode;
  rows.insert(rows.end(), {{"--prefill-replicas", "N", "Replicas that only prefill", &p.replicas},
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
       {"--rate", "X", "Requests a second that come at random: the trace's, or all alike", &o.rate},
       {"--input", "N", "With --rate and no trace: tokens of a prompt", &o.input},
       {"--output", "N", "With --rate and no trace: tokens of an answer", &o.output},
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
  return {
      {"--data", "CSV", "CSVs of measured points", &options.data, true},
      {"--calibration", "TOML",
       "What `calibrate serving` wrote, instead of the numbers in the program",
       &options.calibration},
      {"--json", "FILE", "Write the report as JSON; - prints it", &options.json},
      {"--rows", "CSV", "Write one line a measured value, with its bands", &options.rows},
      {"--markdown", "FILE", "Write the report as a page", &options.markdown},
      {"--simulate", "",
       "Also run aggregated rows request by request, beside the closed form (a minute)",
       &options.simulate},
      {"--leave-out", "", "Also fit without each model and chip, and judge by those rows (minutes)",
       &options.leave_out}};
}

std::vector<OptionRow> option_rows(CalibrateServingOptions& options) {
  return {
      {"--data", "CSV", "CSVs of measured points", &options.data, true},
      {"--out", "TOML", "File to write; without it, errors are only reported", &options.out},
      {"--start", "TOML", "Engines, chips and what is not fitted; those in the program without it",
       &options.start},
      {"--quick", "", "Without the fits that judge it: bands stay as they were", &options.quick}};
}

std::vector<OptionRow> option_rows(ValidateTrainingOptions& o) {
  return {{"--data", "CSV",
           "CSV of measurements, or of a grid of mappings; the bundled table without it", &o.data},
          {"--json", "FILE", "Write the report as JSON; - prints it", &o.json},
          {"--rows", "CSV", "Write one line a row, with its error bands", &o.rows},
          {"--calibration,--tuning", "PATH",
           "What `calibrate` wrote, instead of the coefficients in the program", &o.calibration},
          {"--leave-out", "",
           "Also fit without each source, model and chip, and judge by those rows", &o.leave_out},
          {"--with", "CSV", "A further table that those fits see", &o.with},
          {"--html", "FILE", "Write a page with a chart and tables", &o.html},
          {"--markdown", "FILE", "The same in Markdown, with FILE.svg", &o.markdown}};
}

std::vector<OptionRow> option_rows(CalibrateKernelsOptions& o) {
  return {{"--data", "DIR", "Folder with kernels/*.csv and catalog_*.csv", &o.data, true},
          {"--out", "TOML", "File to write; without it, errors are only reported", &o.out}};
}

std::vector<OptionRow> option_rows(CalibrateTrainingOptions& o) {
  return {{"--data", "CSV", "Tables of measurements, grids of mappings", &o.data, true},
          {"--data2", "CSV", "A further table", &o.more},
          {"--out", "TOML", "Write the calibration here", &o.out},
          {"--priors", "TOML", "Start from this table", &o.priors},
          {"--left-out", "CSV", "Write the errors of rows left out", &o.left_out},
          {"--kernels", "TOML", "Kernel calibration instead of the embedded one", &o.kernels},
          {"--quick", "", "Leave no group out: no new error bands", &o.quick}};
}

std::vector<OptionRow> option_rows(TopologyOptions& o) {
  return {
      {"system", "NAME", "System, as in `catalog list systems`", &o.system, true},
      {"--units", "N", "How many units: domains, or nodes without one; 1 without it", &o.units},
      {"--sites", "N", "Buildings that the units are split over", &o.sites},
      {"--site-bandwidth", "RATE", "From one site to all others, for example \"10 TB/s\"",
       &o.site_bandwidth},
      {"--site-distance-km", "X", "Fibre between two sites", &o.site_distance_km},
      {"--leaf-oversubscription", "X", "Instead of the network's own", &o.leaf_oversubscription},
      {"--pod-oversubscription", "X", "Instead of the network's own", &o.pod_oversubscription},
      {"--fault", "WHAT", "chip:N, node:N, unit:N, nic:CHIP, link:N or link:N:SHARE_LEFT",
       &o.faults},
      {"--tp", "N", "Place ranks: tensor parallel", &o.tp},
      {"--cp", "N", "context parallel", &o.cp},
      {"--dp", "N", "data parallel", &o.dp},
      {"--pp", "N", "pipeline stages", &o.pp},
      {"--order", "ORDER", "Axes, innermost first; tp-cp-dp-pp without it", &o.order},
      {"--snake", "", "Walk a torus from neighbour to neighbour", &o.snake},
      {"--chips-per-unit", "N", "Use so many of each unit, like 64 of 72", &o.chips_per_unit},
      {"--search", "LIST", "Try all orders: what a rank sends along tp, cp, dp, pp", &o.search},
      {"--json", "FILE", "Write JSON; - prints it", &o.json},
      {"--csv", "FILE", "Write every link", &o.csv},
      {"--svg", "FILE", "Write a drawing", &o.svg}};
}

std::vector<OptionRow> option_rows(SimulateStepOptions& o) {
  return {
      {"plan-file", "FILE", "What `plan --json FILE` wrote", &o.plan_file, true},
      {"--plan", "N", "Which of the file's plans; the first without it", &o.plan},
      {"--fault", "WHAT", "chip:N, node:N, unit:N, nic:CHIP, link:N or link:N:SHARE_LEFT",
       &o.faults},
      {"--dead-links", "N", "Links inside units or to their NICs, dead at random", &o.dead_links},
      {"--seed", "N", "Which random ones", &o.seed},
      {"--order", "ORDER", "Ranks on chips, innermost axis first; as the plan assumes without it",
       &o.order},
      {"--snake", "", "Walk a torus from neighbour to neighbour", &o.snake},
      {"--chips-per-unit", "N", "Use so many of each unit, like 64 of 72", &o.chips_per_unit},
      {"--units", "N", "How many units there are; as many as the ranks need without it", &o.units},
      {"--spare-units", "N", "So many more", &o.spare_units},
      {"--sites", "N", "Buildings that the units are split over", &o.sites},
      {"--site-bandwidth", "RATE", "From one site to all others, for example \"10 TB/s\"",
       &o.site_bandwidth},
      {"--site-distance-km", "X", "Fibre between two sites", &o.site_distance_km},
      {"--leaf-oversubscription", "X", "Instead of the network's own", &o.leaf_oversubscription},
      {"--pod-oversubscription", "X", "Instead of the network's own", &o.pod_oversubscription},
      {"--no-symmetry", "", "Every unit for itself: for checks, slow", &o.no_symmetry},
      {"--search-order", "", "Also the best order of all, by simulating each", &o.search_order},
      {"--no-what-if", "", "Without the runs with one more fault and another order", &o.no_what_if},
      {"--json", "FILE", "Write JSON; - prints it", &o.json},
      {"--svg", "FILE", "Write a heat map of the links", &o.svg},
      {"--timeline", "FILE", "Write the step as a trace for Perfetto", &o.timeline},
      {"--chakra", "PREFIX", "Write PREFIX.RANK.et, execution traces for other simulators",
       &o.chakra}};
}

std::vector<OptionRow> option_rows(SimulateCollectiveOptions& o) {
  return {{"system", "NAME", "System, as in `catalog list systems`", &o.system, true},
          {"--kind", "NAME",
           "all_reduce, all_gather, reduce_scatter, all_to_all, broadcast or send_recv", &o.kind},
          {"--size", "SIZE", "Full tensor, or what a rank sends in all, for example 1GiB", &o.size},
          {"--units", "N", "How many units: domains, or nodes without one; 1 without it", &o.units},
          {"--ranks", "N", "How many ranks; all that fit without it", &o.ranks},
          {"--chips-per-unit", "N", "Use so many of each unit, like 64 of 72", &o.chips_per_unit},
          {"--algorithm", "NAME",
           "Only ring, tree, halving_doubling, direct, torus, hierarchical, in_network or "
           "rail_aligned; auto: all, and which would be taken",
           &o.algorithm},
          {"--calibrated", "", "Wires as fitted to measurements; so without it", &o.calibrated},
          {"--ideal", "", "Wires at their nameplate", &o.ideal},
          {"--latency", "TIME", "With --ideal: of every message; 0 without it", &o.latency},
          {"--stepped", "", "Every message of every round, not whole phases", &o.stepped},
          {"--channels", "N", "Rings and trees at most; as many as fill the links without it",
           &o.channels},
          {"--pieces", "N", "Pieces of a tree's or chain's channel, with --stepped", &o.pieces},
          {"--fault", "WHAT", "chip:N, node:N, unit:N, nic:CHIP, link:N or link:N:SHARE_LEFT",
           &o.faults},
          {"--no-symmetry", "", "Every flow for itself: for checks, slow", &o.no_symmetry},
          {"--json", "FILE", "Write JSON; - prints it", &o.json}};
}

std::vector<OptionRow> option_rows(SimulateTraceOptions& o) {
  return {
      {"prefix", "PREFIX", "Jobs: traces PREFIX.RANK.et, one a rank", &o.prefixes, true},
      {"--system", "NAME", "System, as in `catalog list systems`", &o.system, true},
      {"--units", "N", "How many units; as many as the jobs need without it", &o.units},
      {"--first-chips,--chips", "LIST",
       "First chip of each job, by commas; else one behind another", &o.chips},
      {"--order", "ORDER", "Ranks on chips, innermost axis first; needs --sizes", &o.order},
      {"--sizes", "LIST", "With --order: ranks along tp, cp, dp, pp", &o.sizes},
      {"--snake", "", "Walk a torus from neighbour to neighbour", &o.snake},
      {"--algorithm", "NAME", "Forced for every collective that it can carry out", &o.algorithm},
      {"--ideal", "", "Wires at their nameplate", &o.ideal},
      {"--latency", "TIME", "With --ideal: of every message; 0 without it", &o.latency},
      {"--stepped", "", "Every message of every round, not whole phases", &o.stepped},
      {"--fault", "WHAT", "chip:N, node:N, unit:N, nic:CHIP, link:N or link:N:SHARE_LEFT",
       &o.faults},
      {"--no-symmetry", "", "Every task for itself: for checks, slow", &o.no_symmetry},
      {"--json", "FILE", "Write JSON; - prints it", &o.json},
      {"--timeline", "FILE", "Write all ranks' work as a trace for Perfetto", &o.timeline}};
}

std::vector<OptionRow> option_rows(ValidateNetworkOptions& options) {
  return {
      {"--data", "CSV", "CSVs of measured collectives and expert exchanges", &options.data, true},
      {"--calibration", "TOML",
       "What `calibrate network` wrote, instead of the numbers in the program",
       &options.calibration},
      {"--kernels", "TOML",
       "What `calibrate kernels` wrote: links, instead of those in the program", &options.kernels},
      {"--json", "FILE", "Write the report as JSON; - prints it", &options.json},
      {"--rows", "CSV", "Write one line a measured time, with its band", &options.rows},
      {"--markdown", "FILE", "Write the report as a page", &options.markdown},
      {"--leave-out", "", "Also fit links without each system, and judge by its rows (a minute)",
       &options.leave_out}};
}

std::vector<OptionRow> option_rows(CalibrateNetworkOptions& options) {
  return {
      {"--data", "CSV", "CSVs of measured collectives and expert exchanges", &options.data, true},
      {"--out", "TOML", "File to write; without it, errors are only reported", &options.out}};
}

std::vector<OptionRow> option_rows(ProcureOptions& o) {
  return {
      {"scenario", "FILE", "Scenario in TOML, or the word schema, which shows what goes into one",
       &o.scenario, true},
      {"--goal", "NAME", "cost, carbon, served or independence, instead of the scenario's",
       &o.goal},
      {"--independence", "X", "Least share of compute on own silicon, 0 to 1; or max",
       &o.independence},
      {"--cost-cap", "X", "Most that the plan may cost: 32e9, or 5% above the least cost",
       &o.cost_cap},
      {"--curve", "", "Also what each tenth of independence costs", &o.curve},
      {"--more", "", "Also what one more MW, lot or wafer lot is worth", &o.more},
      {"--scenarios", "N", "Plan for so many futures at once, drawn from the spreads",
       &o.scenarios},
      {"--cvar", "X", "With --scenarios: weight of the worst tenth of them, 0 to 1", &o.cvar},
      {"--monte-carlo", "N", "Try the plan in so many futures", &o.monte_carlo},
      {"--tornado", "", "Also what each uncertainty moves alone", &o.tornado},
      {"--break-even", "A,B", "Price and speed at which A costs as much as B, by workload",
       &o.break_even},
      {"--regret", "FILE",
       "Also what this plan loses should that other scenario come true; futures: each drawn one",
       &o.regret},
      {"--speeds", "", "Only what each workload does on each system", &o.speeds},
      {"--seed", "N", "Other futures", &o.seed},
      {"--gap", "X", "Stop at this gap between the plan and its bound; 0.001 without it", &o.gap},
      {"--time-limit", "TIME", "Last resort: stop after that with the best plan so far; says so",
       &o.time_limit},
      {"--solver", "NAME", "cbc, or highs where the program was built with it", &o.backend},
      {"--cache", "FILE", "Keep speeds in this file for the next time", &o.cache},
      {"--lp", "FILE", "Write the program in LP format", &o.lp},
      {"--mps", "FILE", "Write the program in MPS format", &o.mps},
      {"--json", "FILE", "Write JSON; - prints it instead of the text", &o.json},
      {"--csv", "FILE", "Write one line a system and quarter; every other table beside it", &o.csv},
      {"--html", "FILE", "Write a page with charts", &o.html}};
}

}  // namespace tightrope::cli
