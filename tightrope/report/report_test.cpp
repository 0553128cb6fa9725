// A plan as text, JSON, tree and timeline: what is written is whole, true, and reads back.
#include <algorithm>
#include <functional>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/report/explain.h"
#include "tightrope/report/explain_internal.h"
#include "tightrope/report/formula_cards.h"
#include "tightrope/report/plan_json.h"
#include "tightrope/report/plan_text.h"
#include "tightrope/report/text_table.h"
#include "tightrope/report/timeline.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::report {
namespace {

using json = nlohmann::json;

const catalog::Catalog& facts() { return catalog::Catalog::embedded(); }

study::PlanRequest request_for(const std::string& name) {
  study::PlanRequest r;
  r.model.origin = std::string(TIGHTROPE_SOURCE_DIR) + "/examples/configs/" + name + "/config.json";
  r.model.config = read_file(r.model.origin).value();
  r.model.model = workload::read_hf_config(r.model.config, r.model.origin).value();
  r.job.seq_len = 4096;
  r.job.global_batch = 512;
  r.tokens = Tokens(1e12);
  r.systems = {"p5.48xlarge", "u-p6e-gb200x72", "u-trn2x64"};
  r.chips = {256, 512};
  r.top = 2;
  return r;
}

struct Case {
  study::PlanRequest request;
  study::PlanResult result;
};

// Dense and routed, so that every branch of the tree has leaves.
const std::vector<Case>& cases() {
  static const std::vector<Case> list = [] {
    std::vector<Case> made;
    for (const char* name : {"Llama-3.1-70B", "Qwen3-30B-A3B"}) {
      const study::PlanRequest r = request_for(name);
      made.push_back({r, study::plan(r, facts()).value()});
    }
    return made;
  }();
  return list;
}

step::Context context_of(const Case& c, const study::Plan& p) {
  return study::plan_context(c.request,
                             {p.system, p.precision, p.stack, p.chips, p.estimate.mapping}, facts())
      .value();
}

// What `explain plan.json` makes from the file alone equals what `plan` printed, bit by bit.
TEST(PlanJson, RebuildsEveryPlanFromTheFileAlone) {
  for (const Case& c : cases()) {
    ASSERT_TRUE(c.result.feasible());
    const auto file = read_plan_json(plan_json(c.request, c.result, "test"), "plan.json");
    ASSERT_TRUE(file.has_value()) << to_string(file.error());
    EXPECT_EQ(file->catalog_hash, c.result.catalog_hash);
    ASSERT_EQ(file->plans.size(), c.result.plans.size());
    for (std::size_t i = 0; i < file->plans.size(); ++i) {
      const study::Plan& before = c.result.plans[i];
      const study::PlanKey& key = file->plans[i];
      const auto context = study::plan_context(file->request, key, facts());
      ASSERT_TRUE(context.has_value());
      const study::Plan after = study::make_plan(file->request, *context, key.chips,
                                                 step::estimate(*context, key.mapping), facts());
      EXPECT_EQ(after.estimate.mapping, before.estimate.mapping);
      EXPECT_EQ(after.estimate.step_time, before.estimate.step_time);
      EXPECT_EQ(after.estimate.memory.total(), before.estimate.memory.total());
      EXPECT_EQ(after.duration, before.duration);
      EXPECT_EQ(after.energy, before.energy);
      EXPECT_EQ(after.cost->total(), before.cost->total());
      EXPECT_EQ(after.mfu, before.mfu);
    }
  }
}

TEST(PlanJson, WritesTheSameRequestAgain) {
  for (const Case& c : cases()) {
    const std::string text = plan_json(c.request, c.result, "test");
    const auto file = read_plan_json(text, "plan.json");
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(plan_json(file->request, c.result, "test"), text);
  }
}

TEST(PlanJson, CarriesSchemaAndUnits) {
  const Case& c = cases().front();
  const json out = json::parse(plan_json(c.request, c.result, "1.2.3"));
  EXPECT_EQ(out["schema"], "tightrope.plan/1");
  EXPECT_EQ(out["version"], "1.2.3");
  const json& plan = out["plans"][0];
  EXPECT_EQ(plan["step_time_s"], c.result.plans[0].estimate.step_time.raw());
  double sum = 0;
  for (const auto& [name, value] : plan["memory"].items()) {
    if (name.ends_with("_bytes") && name != "total_bytes") sum += value.get<double>();
  }
  EXPECT_DOUBLE_EQ(sum, plan["memory"]["total_bytes"].get<double>());
  double parts = 0;
  for (const auto& [name, value] : plan["time_parts"].items()) {
    if (name != "total_s") parts += value.get<double>();
  }
  EXPECT_NEAR(parts, plan["time_parts"]["total_s"].get<double>(), 1e-6 * parts);
}

TEST(PlanJson, NamesWhatIsWrongInABrokenFile) {
  const Case& c = cases().front();
  const json good = json::parse(plan_json(c.request, c.result, "test"));
  auto fault = [](const json& file) { return read_plan_json(file.dump(2), "p.json").error(); };
  auto broken = [&](auto change) {
    json file = good;
    change(file);
    return fault(file);
  };
  EXPECT_EQ(broken([](json& f) { f["schema"] = "tightrope.plan/9"; }).code, ErrorCode::unsupported);
  EXPECT_EQ(broken([](json& f) { f.erase("request"); }).code, ErrorCode::unknown_key);
  EXPECT_EQ(broken([](json& f) { f["plans"][0]["mapping"]["tp"] = "8"; }).what,
            "\"plans[0].mapping.tp\" must be a number");
  EXPECT_EQ(broken([](json& f) { f["plans"][0]["mapping"]["tp"] = -1; }).code, ErrorCode::type);
  EXPECT_EQ(broken([](json& f) { f["plans"][0]["mapping"]["sharding"] = "zero9"; }).code,
            ErrorCode::type);
  EXPECT_EQ(broken([](json& f) { f["request"]["tokens"] = 0; }).code, ErrorCode::type);
  EXPECT_EQ(broken([](json& f) { f["request"]["chips"] = {1.5}; }).code, ErrorCode::type);
  const auto cut = read_plan_json("{\n  \"schema\": ", "p.json");
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().code, ErrorCode::syntax);
  EXPECT_EQ(cut.error().where.line, 2);
}

TEST(PlanText, KeepsWithinThePage) {
  for (const Case& c : cases()) {
    PlanTextOptions everything;
    everything.detailed = 100;
    everything.front_lines = 100;
    std::istringstream text(plan_text(c.request, c.result, everything));
    for (std::string line; std::getline(text, line);) {
      EXPECT_LE(line.size(), 110u) << line;
      EXPECT_FALSE(line.ends_with(' ')) << "'" << line << "'";
    }
  }
}

TEST(PlanText, SaysWhatWouldHelpWhenNothingIsFeasible) {
  study::PlanRequest r = request_for("Llama-3.1-70B");
  r.constraints.deadline = Seconds(86400);
  const study::PlanResult result = study::plan(r, facts()).value();
  ASSERT_FALSE(result.feasible());
  const std::string text = plan_text(r, result);
  EXPECT_NE(text.find("No plan keeps all constraints"), std::string::npos);
  EXPECT_NE(text.find("--deadline "), std::string::npos);
}

TEST(PlanCsv, ReadsBackAsATable) {
  const Case& c = cases().front();
  const auto table = CsvTable::parse(plan_csv(c.result), "plan.csv");
  ASSERT_TRUE(table.has_value());
  ASSERT_EQ(table->rows(), c.result.plans.size());
  for (std::size_t i = 0; i < table->rows(); ++i) {
    EXPECT_EQ(table->at(i, "system"), c.result.plans[i].system);
    EXPECT_EQ(table->number(i, "step_time_s", 0).value(),
              c.result.plans[i].estimate.step_time.raw());
    EXPECT_EQ(table->at(i, "mapping"), step::to_text(c.result.plans[i].estimate.mapping));
  }
}

// ---- The tree -------------------------------------------------------------------------------

void walk(const Node& node, const std::function<void(const Node&)>& visit) {
  visit(node);
  for (const Node& child : node.children) walk(child, visit);
}

TEST(Explain, EveryPlaceExists) {
  std::map<std::string, std::vector<std::string>> files;
  for (const Case& c : cases()) {
    for (const study::Plan& p : c.result.plans) {
      walk(explain_plan(c.request, context_of(c, p), p, facts()), [&](const Node& node) {
        EXPECT_FALSE(node.name.empty());
        const std::size_t colon = node.place.find(':');
        if (colon == std::string::npos) return;
        const std::string path = node.place.substr(0, colon);
        std::vector<std::string>& lines = files[path];
        if (lines.empty()) {
          const auto text = read_file(std::string(TIGHTROPE_SOURCE_DIR) + "/" + path);
          ASSERT_TRUE(text.has_value()) << node.place;
          std::istringstream in(*text);
          for (std::string line; std::getline(in, line);) lines.push_back(line);
        }
        const std::size_t line = std::stoul(node.place.substr(colon + 1));
        ASSERT_GE(line, 1u) << node.place;
        ASSERT_LE(line, lines.size()) << node.place;
      });
    }
  }
  EXPECT_GE(files.size(), 8u);
}

TEST(Explain, FactsQuoteTheLineTheyStandOn) {
  const Case& c = cases().front();
  const study::Plan& p = c.result.plans.front();
  const Node facts_used = facts_node(context_of(c, p), p, facts());
  int seen = 0;
  walk(facts_used, [&](const Node& node) {
    if (!node.place.starts_with("catalog/")) return;
    const std::size_t colon = node.place.find(':');
    std::istringstream in(
        read_file(std::string(TIGHTROPE_SOURCE_DIR) + "/" + node.place.substr(0, colon)).value());
    std::string line;
    for (std::size_t n = std::stoul(node.place.substr(colon + 1)); n > 0; --n) {
      std::getline(in, line);
    }
    EXPECT_NE(line.find(node.value), std::string::npos) << node.place << " " << node.value;
    EXPECT_FALSE(node.source.empty());
    ++seen;
  });
  EXPECT_GE(seen, 10);
}

TEST(Explain, CardsStandWhereTheHeaderDeclaresThem) {
  for (const char* name :
       {"gemm", "attention_forward", "attention_backward", "stream", "collective", "expose",
        "replay_pipeline", "uniform_pipeline", "in_flight", "state_memory", "optimizer_traffic",
        "mean_power", "bill", "finish", "peak_memory", "part_cost", "make_basis", "rank_kernels",
        "flops_per_token"}) {
    const FormulaCard& card = formula_card(name);
    std::istringstream in(read_file(std::string(TIGHTROPE_SOURCE_DIR) + "/" + card.file).value());
    std::string line;
    for (int n = 0; n < card.line; ++n) std::getline(in, line);
    EXPECT_NE(line.find(std::string(" ") + name + "("), std::string::npos) << card.place();
    EXPECT_FALSE(card.what.empty()) << name;
    if (card.file.starts_with("tightrope/formula/") &&
        card.file != "tightrope/formula/calibration.h") {
      EXPECT_FALSE(card.formula.empty()) << name;
      EXPECT_FALSE(card.source.empty()) << name;
    }
  }
}

TEST(Explain, DepthCutsTheTree) {
  const Case& c = cases().front();
  const study::Plan& p = c.result.plans.front();
  const Node tree = explain_plan(c.request, context_of(c, p), p, facts());
  std::size_t before = 0;
  for (int depth = 0; depth < 5; ++depth) {
    const std::string text = tree_text(tree, depth);
    EXPECT_GT(text.size(), before);
    before = text.size();
    const json parsed = json::parse(tree_json(tree, depth));
    EXPECT_EQ(parsed["schema"], "tightrope.explain/1");
  }
}

TEST(Explain, FollowsAStepToItsKernels) {
  for (const Case& c : cases()) {
    const auto found = std::ranges::find(c.result.plans, "p5.48xlarge", &study::Plan::system);
    ASSERT_NE(found, c.result.plans.end());
    const std::string text =
        tree_text(explain_plan(c.request, context_of(c, *found), *found, facts()), 9);
    for (const char* word : {"gemm qkv", "attention core", "pass ", "optimizer", "memory bandwidth",
                             "price", "carbon"}) {
      EXPECT_NE(text.find(word), std::string::npos) << word;
    }
  }
}

// The kernels and collectives listed under a layer are the whole of its time; expert traffic counts
// the slower of two links that work at once.
TEST(Explain, ListsEveryKernelOfALayer) {
  for (const Case& c : cases()) {
    for (const study::Plan& p : c.result.plans) {
      const step::Context context = context_of(c, p);
      for (const step::Part& part : context.kinds) {
        std::vector<step::OpTime> ops;
        const step::PartCost cost =
            step::part_cost(context, part, step::cost_key(p.estimate.mapping), &ops);
        Seconds forward{}, split{}, experts{};
        for (const step::OpTime& op : ops) {
          if (op.kind == "ep") {
            experts += op.visible;
          } else if (op.kind == "tp" || op.kind == "cp") {
            split += op.visible;
          } else if (op.phase == step::Phase::forward) {
            forward += op.visible;
          }
        }
        const Seconds known =
            cost.tp_forward + cost.tp_backward + cost.cp_forward + cost.cp_backward;
        const Seconds routed = cost.ep_forward + cost.ep_backward;
        EXPECT_NEAR(forward.raw(), cost.forward.raw(), 1e-9 * cost.forward.raw());
        EXPECT_NEAR(split.raw(), known.raw(), 1e-9 * known.raw() + 1e-15);
        EXPECT_GE(experts, (1 - 1e-9) * routed);
        EXPECT_LE(experts, (2 + 1e-9) * routed);
      }
    }
  }
}

// ---- The timeline ---------------------------------------------------------------------------

struct Span {
  double start = 0, end = 0;
};

TEST(Timeline, SpansOfARowFollowOneAnotherWithinTheStep) {
  for (const Case& c : cases()) {
    for (const study::Plan& p : c.result.plans) {
      const json trace = json::parse(timeline_json(context_of(c, p), p));
      std::map<std::pair<int, int>, std::vector<Span>> rows;
      double last = 0;
      for (const json& event : trace["traceEvents"]) {
        if (event["ph"] != "X") continue;
        const double start = event["ts"], end = start + event["dur"].get<double>();
        rows[{event["pid"], event["tid"]}].push_back({start, end});
        last = std::max(last, end);
      }
      const double step = p.estimate.step_time.raw() * 1e6;
      EXPECT_NEAR(last, step, 1e-6 * step);
      for (auto& [row, spans] : rows) {
        std::ranges::sort(spans, {}, &Span::start);
        for (std::size_t i = 1; i < spans.size(); ++i) {
          EXPECT_GE(spans[i].start, spans[i - 1].end - 1e-6 * step);
        }
      }
      EXPECT_LE(trace["traceEvents"].size(), 14000u);
    }
  }
}

TEST(Timeline, SaysWhichMicroBatchesItLeavesOut) {
  const Case& c = cases().front();
  const study::Plan& p = c.result.plans.front();
  TimelineOptions few;
  few.most_events = 1;
  const json trace = json::parse(timeline_json(context_of(c, p), p, few));
  const bool cut = p.estimate.micro_batches > 2;
  EXPECT_EQ(trace["otherData"].contains("note"), cut);
}

// ---- Tables ---------------------------------------------------------------------------------

TEST(TextTable, AlignsWithoutTrailingBlanks) {
  TextTable table({{"name", Align::left}, {"n", Align::right}});
  table.add({"a", "1"});
  table.add({"longer", "23"});
  table.add({"bare"});
  EXPECT_EQ(table.text(1), " name     n\n a        1\n longer  23\n bare\n");
}

TEST(TextTable, WrapsAtBlanksAndKeepsTheLead) {
  EXPECT_EQ(wrapped("  one two three", 9, 4), "  one two\n    three\n");
  EXPECT_EQ(wrapped("", 9, 4), "\n");
  EXPECT_EQ(wrapped("unbreakable", 4, 2), "unbreakable\n");
}

}  // namespace
}  // namespace tightrope::report
