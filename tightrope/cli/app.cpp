// Binds the command line to plain structs and calls the commands. The only file that sees CLI11.
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tightrope/cli/calibrate_command.h"
#include "tightrope/cli/calibrate_training_command.h"
#include "tightrope/cli/catalog_command.h"
#include "tightrope/cli/explain_command.h"
#include "tightrope/cli/option_rows.h"
#include "tightrope/cli/plan_command.h"
#include "tightrope/cli/procure_command.h"
#include "tightrope/cli/serve_plan_command.h"
#include "tightrope/cli/serving_tables_command.h"
#include "tightrope/cli/session.h"
#include "tightrope/cli/simulate_command.h"
#include "tightrope/cli/step_command.h"
#include "tightrope/cli/suggest.h"
#include "tightrope/cli/trace_command.h"
#include "tightrope/cli/validate_command.h"
#include "tightrope/core/parallel.h"

namespace tightrope::cli {
namespace {

/// What the parsed command line asks for; empty until a command was named.
using Body = std::function<int(const Session&)>;

#if defined(__clang__)
constexpr const char* compiler_name = "clang++";
#else
constexpr const char* compiler_name = "g++";
#endif

int print_version(const Session& session) {
  auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  session.out << "tightrope " TIGHTROPE_VERSION "\n"
              << "compiler " << compiler_name << " " __VERSION__ "\n"
              << "catalog " << catalog->hash() << "\n";
  return exit_ok;
}

/// The innermost command that was named on the line.
const CLI::App& innermost(const CLI::App& app) {
  const std::vector<CLI::App*> named = app.get_subcommands();
  return named.empty() ? app : innermost(*named.front());
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands({})) names.push_back(child->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
    for (const CLI::Option* option : level->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::string quoted_list(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

/// "tightrope catalog show".
std::string full_name(const CLI::App& level) {
  const CLI::App* parent = level.get_parent();
  return parent == nullptr ? level.get_name() : full_name(*parent) + " " + level.get_name();
}

/// A word on the line that no command and no option took.
Error unknown_word(const CLI::App& level, const std::string& word) {
  Error error{ErrorCode::usage, {}, {}, {}};
  const bool is_option = word.starts_with("-");
  const std::vector<std::string> known = is_option ? option_names(level) : command_names(level);
  const std::string near = nearest(word.substr(0, word.find('=')), known);
  if (is_option) {
    error.what = fmt::format("unknown option '{}'", word);
  } else if (known.empty()) {
    error.what = fmt::format("unexpected argument '{}'", word);
  } else {
    error.what = fmt::format("unknown command '{}'", word);
  }
  if (!near.empty()) {
    error.hint = fmt::format("did you mean '{}'?", near);
  } else if (!is_option && !known.empty()) {
    error.hint = "commands: " + quoted_list(known);
  } else {
    error.hint = fmt::format("try '{} --help'", full_name(level));
  }
  return error;
}

Error usage_error(const CLI::App& app, const CLI::ParseError& reason) {
  const std::vector<std::string> left = app.remaining(true);
  if (!left.empty()) return unknown_word(innermost(app), left.front());
  return Error{ErrorCode::usage, reason.what(), {}, {}};
}

Error no_command(const CLI::App& level) {
  return Error{ErrorCode::usage,
               "a command is required",
               {},
               "commands: " + quoted_list(command_names(level))};
}

void add_globals(CLI::App& app, Session& session, bool& version) {
  app.fallthrough();
  app.add_flag("--version", version, "Version, compiler and catalog hash");
  app.add_option("--catalog", session.catalog_dir, "Folder whose records extend or replace ours")
      ->type_name("DIR");
  app.add_option("--threads", session.threads, "Threads to use; 0 is one a processor")
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""));
}

void bind_catalog(CLI::App& app, Body& body) {
  struct Asked {
    std::string what;
    bool json = false;
  };
  const auto asked = std::make_shared<Asked>();
  CLI::App* catalog = app.add_subcommand("catalog", "Facts about machines, with their sources");

  CLI::App* list = catalog->add_subcommand("list", "List records of one kind");
  list->add_option("kind", asked->what,
                   "chips, systems, networks, prices, regions, claims, sources, llms or fields; "
                   "all are counted when it is left out");
  list->add_flag("--json", asked->json, "Print JSON");
  list->callback([&body, asked] {
    body = [asked](const Session& s) { return run_catalog_list(s, asked->what, asked->json); };
  });

  CLI::App* show = catalog->add_subcommand("show", "Show a record, each number with its source");
  show->add_option("name", asked->what, "Name or alias of a record")->required();
  show->add_flag("--json", asked->json, "Print JSON");
  show->callback([&body, asked] {
    body = [asked](const Session& s) { return run_catalog_show(s, asked->what, asked->json); };
  });

  CLI::App* check = catalog->add_subcommand("check", "Print every fault of a catalog folder");
  check->add_option("dir", asked->what, "Folder to read on top of the embedded catalog")
      ->required();
  check->callback([&body, asked] {
    body = [asked](const Session& s) { return run_catalog_check(s, asked->what); };
  });
}

// Adds a table's options to a command.
void add_rows(CLI::App& command, const std::vector<OptionRow>& rows) {
  for (const OptionRow& row : rows) {
    std::visit(
        [&](auto* target) {
          using Value = std::remove_pointer_t<decltype(target)>;
          if constexpr (std::is_same_v<Value, bool>) {
            command.add_flag(row.names, *target, row.help);
          } else {
            CLI::Option* option = command.add_option(row.names, *target, row.help);
            option->type_name(row.type)->required(row.required);
            if (std::is_arithmetic_v<Value>) option->check(CLI::NonNegativeNumber.description(""));
          }
        },
        row.target);
  }
}

// A command whose options are a table.
template <class Options>
void bind_rows(CLI::App& command, Body& body, int (*run)(const Session&, const Options&)) {
  const auto asked = std::make_shared<Options>();
  add_rows(command, option_rows(*asked));
  command.callback(
      [&body, asked, run] { body = [asked, run](const Session& s) { return run(s, *asked); }; });
}

void bind_validate(CLI::App& app, Body& body) {
  CLI::App* validate = app.add_subcommand("validate", "Our models against published measurements");
  bind_rows(*validate->add_subcommand("training", "Step times of published training runs"), body,
            run_validate_training);
  bind_rows(*validate->add_subcommand("serving", "Latency and rate of published runs"), body,
            run_validate_serving);
  bind_rows(*validate->add_subcommand("network", "Collectives"), body, run_validate_network);
}

void bind_calibrate(CLI::App& app, Body& body) {
  CLI::App* calibrate = app.add_subcommand("calibrate", "Fit coefficients to measured tables");
  const auto all = std::make_shared<CalibrateOptions>();
  calibrate
      ->add_option("--data", all->data, "Folder for everything, or a CSV of your training runs")
      ->type_name("PATH");
  calibrate->add_option("--out", all->out, "Folder or file to write")->type_name("PATH");
  calibrate->callback([&body, all, calibrate] {
    if (!calibrate->get_subcommands().empty() || all->data.empty()) return;
    body = [all](const Session& s) { return run_calibrate(s, *all); };
  });
  bind_rows(*calibrate->add_subcommand("serving", "Serving engines and decoding"), body,
            run_calibrate_serving);
  bind_rows(*calibrate->add_subcommand("network", "Exchanges"), body, run_calibrate_network);
  bind_rows(*calibrate->add_subcommand("kernels", "Kernels and links"), body,
            run_calibrate_kernels);
  bind_rows(*calibrate->add_subcommand("training", "Step times of published runs"), body,
            run_calibrate_training);
}

void add_work(CLI::App& command, WorkWords& work) {
  command.add_option("--tokens", work.tokens, "Tokens of the whole run, for example 15T")
      ->type_name("N");
  command.add_option("--seq", work.seq, "Tokens a sequence")->type_name("N");
  command.add_option("--batch", work.batch, "Sequences an optimizer step")->type_name("N");
  command.add_option("--batch-tokens", work.batch_tokens, "Tokens an optimizer step, rounded")
      ->type_name("N");
  command.add_option("--task", work.task, "pretrain, sft or lora")->capture_default_str();
  command.add_option("--document", work.document, "Mean tokens a document in packed sequences")
      ->type_name("N");
  command.add_option("--lora-rank", work.lora_rank, "Rank of the adapters")->capture_default_str();
  command.add_option("--lora-targets", work.lora_targets, "Matrices with adapters, by commas")
      ->type_name("LIST");
  command
      .add_option("--precision", work.precision,
                  "Recipes, by commas: bf16, fp16, fp8, fp8-block, mxfp8, nvfp4, bf16-sr, "
                  "bf16-fp32-optimizer")
      ->type_name("LIST");
  command.add_option("--stack", work.stack, "Software stack, as in calibration/training.toml")
      ->type_name("NAME");
  command
      .add_option("--calibration", work.calibration,
                  "What `calibrate` wrote, instead of the coefficients in the program")
      ->type_name("PATH");
  command.add_option("--region,--regions", work.region, "Regions whose prices count, by commas")
      ->type_name("LIST");
  command
      .add_option("--term", work.term,
                  "on_demand, spot, capacity_block, reserved_1y, reserved_3y or purchase")
      ->type_name("TERM");
}

void add_plan_limits(CLI::App& plan, PlanOptions& o) {
  plan.add_option("--goal", o.goal, "time, cost, energy or carbon")->capture_default_str();
  plan.add_option("--deadline", o.deadline, "Longest run, for example 90d; none for none")
      ->type_name("TIME");
  plan.add_option("--budget", o.budget, "Highest cost, for example \"100M USD\"")
      ->type_name("MONEY");
  plan.add_option("--max-chips", o.max_chips, "Most chips to rent")->type_name("N");
  plan.add_option("--chips", o.chips, "Exact numbers of chips, by commas")->type_name("LIST");
  plan.add_option("--units", o.units, "Exact numbers of instances or UltraServers, by commas")
      ->type_name("LIST");
  plan.add_option("--systems,--system", o.systems,
                  "Systems, by commas, as in `catalog list systems`")
      ->type_name("LIST");
  plan.add_option("--capacity", o.capacity,
                  "Tokens an expert takes against its mean share, by commas; 0 drops none")
      ->type_name("LIST");
  plan.add_flag("--announced", o.announced, "Also systems that do not ship yet");
  plan.add_option("--margin", o.margin, "Share of device memory that stays free")
      ->check(CLI::Range(0.0, 0.9).description(""))
      ->capture_default_str();
}

// What only `plan --serve` reads; the rest it shares with plans of training runs.
void add_serving(CLI::App& plan, ServePlanOptions& o) {
  plan.add_option("--input", o.input, "With --serve: mean tokens of a prompt")->type_name("N");
  plan.add_option("--output", o.output, "With --serve: mean tokens of an answer")->type_name("N");
  plan.add_option("--cached", o.cached, "With --serve: tokens of a prompt that are cached already")
      ->type_name("N");
  plan.add_option("--trace", o.trace, "With --serve: lengths and rate of this trace of requests")
      ->type_name("FILE");
  plan.add_option("--rate", o.rate, "With --serve: requests a second; without it a chip's best")
      ->type_name("N");
  plan.add_option("--ttft", o.ttft, "With --serve: longest time to the first token, for example 2s")
      ->type_name("TIME");
  plan.add_option("--tpot", o.tpot, "With --serve: longest time a token after it, for example 30ms")
      ->type_name("TIME");
  plan.add_option("--e2e", o.e2e, "With --serve: longest time to the last token")
      ->type_name("TIME");
  plan.add_option("--percentile", o.percentile, "With --serve: of requests that keep the limits")
      ->capture_default_str();
  plan.add_option("--numerics", o.numerics,
                  "With --serve: bf16, fp8, fp8-block, nvfp4, mxfp4, int8, int4; +kv8 or +kv16")
      ->type_name("LIST");
  plan.add_option("--engine", o.engine, "With --serve: vllm, sglang or tensorrt-llm, with a year")
      ->type_name("NAME");
  plan.add_option(
          "--scheduler", o.scheduler,
          "With --serve: neuron-static, batches that start and end together on Neuron chips")
      ->type_name("NAME");
  plan.add_option("--rank", o.rank, "With --serve: usd, throughput, energy or carbon")
      ->capture_default_str();
  plan.add_option("--drafts", o.drafts, "With --serve: tokens guessed an iteration")
      ->check(CLI::Range(0, 16).description(""));
  plan.add_option("--accepted", o.accepted,
                  "With --serve: tokens an iteration yields on average, or shares of iterations "
                  "that yield 1, 2, ...")
      ->type_name("X");
  plan.add_option("--acceptance", o.acceptance,
                  "With --serve: instead, how likely a guess holds if those before it did")
      ->check(CLI::Range(0.0, 1.0).description(""));
  plan.add_flag("--disagg", o.only_disaggregated, "With --serve: only pools of prefill and decode");
  plan.add_flag("!--no-disagg", o.disaggregated, "With --serve: only replicas");
  plan.add_option("--pareto", o.pareto, "With --serve: write the front; - prints it")
      ->type_name("CSV");
}

/// The options that both kinds of plan read.
void share(const PlanOptions& from, bool top_said, ServePlanOptions& to) {
  to.config = from.work.config;
  to.systems = from.systems;
  to.regions = from.work.region;
  to.term = from.work.term;
  to.announced = from.announced;
  to.prune = from.prune;
  to.details = from.details;
  to.json = from.json;
  if (top_said) to.top = from.top;
}

void bind_plan(CLI::App& app, Body& body) {
  const auto asked = std::make_shared<PlanOptions>();
  const auto serve = std::make_shared<ServePlanOptions>();
  const auto serves = std::make_shared<bool>(false);
  CLI::App* plan = app.add_subcommand("plan", "Best systems, chip counts and mappings for a run");
  plan->add_option("config,--config", asked->work.config,
                   "config.json of the model, its folder, or a bundled name");
  add_work(*plan, asked->work);
  add_plan_limits(*plan, *asked);
  plan->add_flag("--serve", *serves, "Plan serving the model, not training it");
  add_serving(*plan, *serve);
  plan->add_option("--top", asked->top, "Plans a system; with --serve: in all")
      ->check(CLI::Range(1, 100).description(""))
      ->capture_default_str();
  plan->add_option("--refine", asked->refine, "Simulate so many plans on the wires, rank them anew")
      ->check(CLI::Range(0, 1000).description(""))
      ->type_name("K");
  plan->add_option("--details", asked->details, "Plans described beyond their line")
      ->check(CLI::Range(0, 1000).description(""))
      ->capture_default_str();
  plan->add_option("--json", asked->json, "Write plans that `explain` reads; - prints them")
      ->type_name("FILE");
  plan->add_option("--csv", asked->csv, "Write one line a plan; - prints them")->type_name("FILE");
  plan->add_flag("!--no-prune", asked->prune, "Carry every mapping that fits through the model");
  plan->callback([&body, asked, serve, serves, plan] {
    const bool top_said = plan->get_option("--top")->count() > 0;
    body = [asked, serve, serves, top_said](const Session& s) {
      if (!*serves) return run_plan(s, *asked);
      share(*asked, top_said, *serve);
      return run_plan_serve(s, *serve);
    };
  });
}

void bind_explain(CLI::App& app, Body& body) {
  const auto asked = std::make_shared<ExplainOptions>();
  CLI::App* explain = app.add_subcommand("explain", "Where the numbers of a plan come from");
  explain->add_option("plan-file", asked->plan_file, "What `plan --json FILE` wrote");
  explain->add_option("--plan", asked->plan, "Which of the file's plans")->capture_default_str();
  explain
      ->add_option("--config", asked->work.config,
                   "Without a plan file: config.json, its folder, or a bundled name")
      ->type_name("NAME");
  explain->add_option("--system", asked->system, "System to run on")->type_name("NAME");
  explain->add_option("--mapping", asked->mapping, "For example \"tp8 pp16 dp8 mbs1 zero1 sp\"")
      ->type_name("WORDS");
  add_work(*explain, asked->work);
  explain->add_option("--depth,--trace", asked->depth, "Levels of the tree")
      ->check(CLI::Range(0, 20).description(""))
      ->capture_default_str();
  explain->add_option("--timeline", asked->timeline, "Write the step as a trace for Perfetto")
      ->type_name("FILE");
  explain->add_option("--json", asked->json, "Write the tree as JSON; - prints it")
      ->type_name("FILE");
  explain->callback(
      [&body, asked] { body = [asked](const Session& s) { return run_explain(s, *asked); }; });
}

void bind_trace(CLI::App& app, Body& body) {
  const auto asked = std::make_shared<TraceOptions>();
  CLI::App* trace = app.add_subcommand("trace", "Requests of users: shown, fitted, made up");
  const auto add_format = [&asked](CLI::App& command) {
    command
        .add_option("--format", asked->format, "azure_csv, own_csv or json_lines; told by itself")
        ->type_name("NAME");
  };

  CLI::App* show = trace->add_subcommand("show", "Rate, lengths and reuse of a trace");
  show->add_option("file", asked->file, "CSV or JSON lines")->required();
  add_format(*show);
  show->add_option("--json", asked->json, "Write JSON; - prints it")->type_name("FILE");
  show->callback(
      [&body, asked] { body = [asked](const Session& s) { return run_trace_show(s, *asked); }; });

  CLI::App* fit = trace->add_subcommand("fit", "A spec that makes up such traces");
  fit->add_option("file", asked->file, "CSV or JSON lines")->required();
  add_format(*fit);
  fit->add_option("--out", asked->out, "Write the spec here; printed without it")
      ->type_name("TOML");
  fit->callback(
      [&body, asked] { body = [asked](const Session& s) { return run_trace_fit(s, *asked); }; });

  CLI::App* generate = trace->add_subcommand("generate", "A trace from a spec");
  generate->add_option("spec", asked->file, "What `trace fit` wrote, or your own")->required();
  generate->add_option("--requests", asked->requests, "How many")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000'000).description(""))
      ->capture_default_str();
  generate->add_option("--seed", asked->seed, "Another seed, another trace")
      ->type_name("N")
      ->capture_default_str();
  generate
      ->add_option("--out", asked->out,
                   "Write it here; .jsonl keeps shared blocks, .csv does not; printed without it")
      ->type_name("FILE");
  generate->callback([&body, asked] {
    body = [asked](const Session& s) { return run_trace_generate(s, *asked); };
  });
}

void bind_simulate(CLI::App& app, Body& body) {
  CLI::App* simulate = app.add_subcommand("simulate", "What happens, event by event");
  bind_rows(
      *simulate->add_subcommand("serving", "A served fleet, request by request: latency and cost"),
      body, run_simulate_serving);
  bind_rows(*simulate->add_subcommand("step", "A planned step on its system's wires"), body,
            run_simulate_step);
  bind_rows(*simulate->add_subcommand("collective", "One collective on a system's wires"), body,
            run_simulate_collective);
  bind_rows(*simulate->add_subcommand("trace", "Execution traces (Chakra) on a system's wires"),
            body, run_simulate_trace);
  CLI::App* topology = app.add_subcommand("topology", "The wires of a cluster");
  bind_rows(*topology->add_subcommand("show", "Links, bisection, tiers"), body, run_topology_show);
  bind_rows(*app.add_subcommand("procure", "Which chips to buy, build and rent, when and where"),
            body, run_procure);
}

}  // namespace

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app("Plans training and serving of large language models on real accelerators.",
               "tightrope");
  Session session{out, err, {}, 0, TIGHTROPE_VERSION};
  bool version = false;
  Body body;
  add_globals(app, session, version);
  bind_plan(app, body);
  bind_explain(app, body);
  bind_catalog(app, body);
  bind_validate(app, body);
  bind_calibrate(app, body);
  bind_trace(app, body);
  bind_simulate(app, body);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    out << app.help();
    return exit_ok;
  } catch (const CLI::ParseError& reason) {
    return report_error(session, usage_error(app, reason));
  }
  set_thread_limit(session.threads);
  if (version) return print_version(session);
  if (!body) return report_error(session, no_command(innermost(app)));
  return body(session);
}

}  // namespace tightrope::cli
