#include "tightrope/netsim/task_graph.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr auto later = [](const auto& a, const auto& b) {
  return a.time != b.time ? a.time > b.time : a.number > b.number;
};

std::vector<Seconds> seconds_of(std::span<const double> values) {
  std::vector<Seconds> times;
  times.reserve(values.size());
  for (const double x : values) times.emplace_back(x);
  return times;
}

}  // namespace

TaskGraph::TaskGraph(const std::vector<BytesPerSecond>& capacity) {
  capacity_.reserve(capacity.size());
  for (const BytesPerSecond c : capacity) {
    TR_CHECK(c.raw() >= 0.0, c.raw());
    capacity_.push_back(c.raw());
  }
}

std::uint32_t TaskGraph::add_route(std::span<const std::uint32_t> resource,
                                   std::span<const double> coefficient, BytesPerSecond bound) {
  const std::uint32_t route = routes_.add(resource, coefficient, bound);
  TR_CHECK(routes_.resources() <= capacity_.size(), routes_.resources(), capacity_.size());
  return route;
}

std::uint32_t TaskGraph::add_delay(Seconds duration) {
  TR_CHECK(duration.raw() >= 0.0, duration.raw());
  tasks_.push_back({TaskKind::delay, no_resource, duration, Bytes(), Seconds()});
  return static_cast<std::uint32_t>(tasks_.size() - 1);
}

std::uint32_t TaskGraph::add_compute(std::uint32_t stream, Seconds duration) {
  const std::uint32_t task = add_delay(duration);
  tasks_[task].kind = TaskKind::compute;
  tasks_[task].place = stream;
  if (stream >= last_.size()) last_.resize(stream + 1, no_resource);
  if (last_[stream] != no_resource) add_dependency(task, last_[stream]);
  last_[stream] = task;
  return task;
}

std::uint32_t TaskGraph::add_transfer(std::uint32_t route, Bytes bytes, Seconds latency) {
  TR_CHECK(route < routes_.size(), route, routes_.size());
  TR_CHECK(bytes.raw() >= 0.0 && bytes.raw() < infinity, bytes.raw());
  const std::uint32_t task = add_delay(latency);
  tasks_[task].kind = TaskKind::transfer;
  tasks_[task].place = route;
  tasks_[task].bytes = bytes;
  return task;
}

void TaskGraph::add_dependency(std::uint32_t task, std::uint32_t on) {
  TR_CHECK(task < tasks_.size() && on < tasks_.size() && task != on, task, on, tasks_.size());
  dependencies_.push_back({task, on});
}

void TaskGraph::set_release(std::uint32_t task, Seconds time) {
  TR_CHECK(task < tasks_.size() && time.raw() >= 0.0, task, time.raw());
  tasks_[task].release = time;
}

TaskRunner::TaskRunner(const TaskGraph& graph) : graph_(graph) {
  const std::size_t tasks = graph.tasks().size();
  first_dependent_.assign(tasks + 1, 0);
  waits_for_.assign(tasks, 0);
  for (const TaskGraph::Dependency& d : graph.dependencies()) {
    ++first_dependent_[d.on + 1];
    ++waits_for_[d.task];
  }
  for (std::size_t t = 0; t < tasks; ++t) first_dependent_[t + 1] += first_dependent_[t];
  dependent_.resize(graph.dependencies().size());
  std::vector<std::uint32_t> at(first_dependent_.begin(), first_dependent_.end() - 1);
  for (const TaskGraph::Dependency& d : graph.dependencies()) dependent_[at[d.on]++] = d.task;
}

void TaskRunner::push(double time, std::uint32_t number) {
  timers_.push_back({time, number});
  std::push_heap(timers_.begin(), timers_.end(), later);
}

// All dependencies are there; the release may not be.
void TaskRunner::ready(std::uint32_t task) {
  const double release = graph_.tasks()[task].release.raw();
  if (release > now_) return push(release, task);
  begin(task);
}

void TaskRunner::begin(std::uint32_t task) {
  start_[task] = now_;
  const double time = graph_.tasks()[task].time.raw();
  if (time > 0.0) return push(now_ + time, task);
  timed_out(task);
}

// A delay or a computation is over, or a transfer's latency is.
void TaskRunner::timed_out(std::uint32_t task) {
  const TaskGraph::Task& t = graph_.tasks()[task];
  if (t.kind == TaskKind::transfer && t.bytes.raw() > 0.0) {
    fluid_.start(task, t.place, t.bytes.raw(), now_);
  } else {
    finished(task);
  }
}

void TaskRunner::finished(std::uint32_t task) {
  finish_[task] = now_;
  done_.push_back(task);
}

// Tells dependents, which may finish at once themselves.
void TaskRunner::finish_all() {
  while (!done_.empty()) {
    const std::uint32_t task = done_.back();
    done_.pop_back();
    for (std::uint32_t i = first_dependent_[task]; i < first_dependent_[task + 1]; ++i) {
      if (--missing_[dependent_[i]] == 0) ready(dependent_[i]);
    }
  }
}

TaskRun TaskRunner::run(std::span<const CapacityChange> changes, double together) {
  const auto tasks = static_cast<std::uint32_t>(graph_.tasks().size());
  fluid_.reset(graph_.routes(), graph_.capacity(), together);
  missing_ = waits_for_;
  start_.assign(tasks, infinity);
  finish_.assign(tasks, infinity);
  timers_.clear();
  now_ = 0.0;
  for (std::uint32_t i = 0; i < changes.size(); ++i) push(changes[i].time.raw(), tasks + i);
  for (std::uint32_t t = 0; t < tasks; ++t) {
    if (waits_for_[t] == 0) ready(t);
  }
  for (;;) {
    finish_all();
    const double timer = timers_.empty() ? infinity : timers_.front().time;
    if (timer > now_ * (1.0 + same_instant)) {
      // Nothing more happens now: rates, then on to what comes next.
      fluid_.settle(now_);
      const double next = std::min(timer, fluid_.next_end());
      if (next == infinity) break;
      now_ = std::max(now_, next);
      ended_.clear();
      fluid_.collect(now_, ended_);
      for (const std::uint32_t task : ended_) finished(task);
      if (!ended_.empty()) continue;
    }
    while (!timers_.empty() && timers_.front().time <= now_ * (1.0 + same_instant)) {
      const std::uint32_t number = timers_.front().number;
      std::pop_heap(timers_.begin(), timers_.end(), later);
      timers_.pop_back();
      if (number >= tasks) {
        const CapacityChange& change = changes[number - tasks];
        fluid_.set_capacity(change.resource, change.capacity.raw(), now_);
      } else if (start_[number] == infinity) {
        begin(number);
      } else {
        timed_out(number);
      }
    }
  }
  return report();
}

TaskRun TaskRunner::report() {
  TaskRun run;
  run.start = seconds_of(start_);
  run.finish = seconds_of(finish_);
  double end = 0.0;
  for (const double f : finish_) end = f < infinity ? std::max(end, f) : end;
  run.end = Seconds(end);
  for (const Fluid::Running& r : fluid_.running(now_))
    run.stalled.push_back({r.id, Bytes(r.bytes_left)});
  std::sort(run.stalled.begin(), run.stalled.end(),
            [](const Stalled& a, const Stalled& b) { return a.task < b.task; });
  run.stream_busy.assign(graph_.streams(), Seconds());
  for (std::size_t t = 0; t < start_.size(); ++t) {
    if (start_[t] == infinity) ++run.never_started;
    const TaskGraph::Task& task = graph_.tasks()[t];
    if (task.kind == TaskKind::compute && finish_[t] < infinity)
      run.stream_busy[task.place] += task.time;
  }
  for (std::uint32_t l = 0; l < graph_.capacity().size(); ++l)
    run.resource_busy.emplace_back(fluid_.busy(l, now_));
  for (const double bytes : fluid_.carried(now_)) run.carried.emplace_back(bytes);
  std::tie(run.solves, run.solved_variables) = fluid_.solved();
  return run;
}

Seconds series_time(std::span<const RepeatedStep> steps) {
  std::vector<std::pair<const TaskGraph*, Seconds>> known;
  Seconds total;
  for (const RepeatedStep& step : steps) {
    auto it = std::find_if(known.begin(), known.end(),
                           [&](const auto& k) { return k.first == step.graph; });
    if (it == known.end()) {
      const TaskRun run = TaskRunner(*step.graph).run();
      known.emplace_back(step.graph, run.complete() ? run.end : Seconds(infinity));
      it = known.end() - 1;
    }
    if (step.count > 0) total += it->second * static_cast<double>(step.count);
  }
  return total;
}

}  // namespace tightrope::netsim
