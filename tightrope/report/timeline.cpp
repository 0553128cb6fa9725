#include "tightrope/report/timeline.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/formula/pipeline.h"
#include "tightrope/report/explain_internal.h"

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;
using Event = formula::PipelineEvent;

constexpr double micro = 1e6;
constexpr int compute_row = 1;
constexpr int tail_row = 2;

const char* letter(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::forward: return "F";
    case Event::Kind::backward: return "B";
    case Event::Kind::weight: return "W";
  }
  return "?";
}

json name_event(const char* what, int stage, int row, const std::string& name) {
  return {{"ph", "M"}, {"name", what}, {"pid", stage}, {"tid", row}, {"args", {{"name", name}}}};
}

json span(const std::string& name, int stage, int row, Seconds start, Seconds end) {
  return {{"ph", "X"},
          {"name", name},
          {"pid", stage},
          {"tid", row},
          {"ts", start.raw() * micro},
          {"dur", (end - start).raw() * micro}};
}

// What follows the pipeline, the same on every stage.
struct Tail {
  const char* name;
  Seconds time;
};

void add_tail(const step::TimeParts& p, Seconds start, int stages, json& events) {
  const Tail tails[] = {
      {"ZeRO-3 traffic that shows", p.shard_gather}, {"host memory traffic that shows", p.offload},
      {"gradients and parameters that show", p.dp},  {"optimizer", p.optimizer},
      {"waiting for the slowest node", p.straggler}, {"host work once a step", p.fixed}};
  for (const Tail& tail : tails) {
    if (!(tail.time > Seconds(0.0))) continue;
    for (int stage = 0; stage < stages; ++stage) {
      events.push_back(span(tail.name, stage, tail_row, start, start + tail.time));
    }
    start += tail.time;
  }
}

}  // namespace

std::string timeline_json(const step::Context& context, const study::Plan& plan,
                          const TimelineOptions& options) {
  const step::Estimate& e = plan.estimate;
  const step::Mapping& m = e.mapping;
  const Workings w = workings_of(context, m, e.micro_batches);
  std::vector<Event> replayed;
  const formula::PipelineTime pipeline = formula::replay_pipeline(
      {w.basis.stage_runs, m.vp, e.micro_batches, step::hop_time(context, m)}, &replayed);
  // Whole micro-batches from both ends of the step, as many as fit.
  const int per_micro_batch =
      std::max(1, static_cast<int>(replayed.size()) / std::max(1, e.micro_batches));
  const int shown = std::clamp(options.most_events / per_micro_batch, 2, e.micro_batches + 1);
  const int last_of_first = (shown + 1) / 2, first_of_last = e.micro_batches - shown / 2;
  json events = json::array();
  for (int stage = 0; stage < m.pp; ++stage) {
    events.push_back(name_event("process_name", stage, 0, fmt::format("stage {}", stage)));
    events.push_back(name_event("thread_name", stage, compute_row, "compute"));
    events.push_back(name_event("thread_name", stage, tail_row, "end of the step"));
  }
  for (const Event& event : replayed) {
    if (event.micro_batch >= last_of_first && event.micro_batch < first_of_last) continue;
    std::string name = fmt::format("{}{}", letter(event.kind), event.micro_batch);
    if (m.vp > 1) name += fmt::format(" chunk {}", event.chunk);
    events.push_back(span(name, event.stage, compute_row, event.start, event.end));
  }
  add_tail(e.parts, pipeline.time, m.pp, events);
  json out;
  out["displayTimeUnit"] = "ms";
  json& about = out["otherData"];
  about["plan"] = fmt::format("{} chips of {}, {}", plan.chips, plan.system, step::to_text(m));
  about["step_time_s"] = e.step_time.raw();
  about["micro_batches"] = e.micro_batches;
  about["micro_batches_shown"] = std::min(shown, e.micro_batches);
  if (shown < e.micro_batches) {
    about["note"] =
        fmt::format("micro-batches {} to {} are left out", last_of_first, first_of_last - 1);
  }
  out["traceEvents"] = std::move(events);
  return out.dump() + "\n";
}

}  // namespace tightrope::report
