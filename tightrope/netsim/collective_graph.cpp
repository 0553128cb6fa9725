#include "tightrope/netsim/collective_graph.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

std::vector<BytesPerSecond> capacities(const topology::Router& router) {
  std::vector<BytesPerSecond> c(router.machine().links());
  for (std::uint32_t l = 0; l < c.size(); ++l) c[l] = router.capacity(l);
  return c;
}

/// Adds the messages of one lane.
class LaneBuilder {
 public:
  LaneBuilder(WireGraph& wires, std::span<const int> chips, const WireTerms& terms, Detail detail,
              std::uint32_t begin)
      : wires_(wires),
        chips_(chips),
        terms_(terms),
        detail_(detail),
        last_(chips.size(), std::vector<std::uint32_t>{begin}) {}

  void add(const Phase& phase) {
    fluid_latency_ = detail_ == Detail::fluid ? latency_of(phase) : Seconds();
    if (detail_ == Detail::fluid) {
      for (const Message& m : phase.messages) send(m, m.bytes * m.count);
      end_round();
    } else {
      add_rounds(phase);
    }
    if (phase.joined) join_units();
  }

  [[nodiscard]] const std::vector<std::vector<std::uint32_t>>& last() const { return last_; }

 private:
  struct Touch {
    int member = 0;
    std::uint32_t task = 0;
    bool sent = false;  ///< by the member, not received
  };
  [[nodiscard]] int chip(int member) const { return chips_[static_cast<std::size_t>(member)]; }
  [[nodiscard]] int unit(int member) const {
    return chip(member) / wires_.router().machine().unit.chips();
  }
  [[nodiscard]] Seconds step_of(const Message& m) const {
    const bool out = m.from >= 0 && m.to >= 0 && unit(m.from) != unit(m.to);
    return out ? terms_.out_step : terms_.up_step;
  }

  Seconds latency_of(const Phase& phase) const {
    Seconds sum, most;
    for (const Message& m : phase.messages) {
      sum += step_of(m);
      most = max(most, step_of(m));
    }
    if (phase.messages.empty()) return {};
    const Seconds mean = sum / static_cast<double>(phase.messages.size());
    return phase.hops * (phase.passes_on && terms_.up_step != terms_.out_step ? mean : most);
  }

  void add_rounds(const Phase& phase) {
    int rounds = 0;
    for (const Message& m : phase.messages) rounds = std::max(rounds, m.first + m.count);
    for (int r = 0; r < rounds; ++r) {
      for (const Message& m : phase.messages) {
        if (r >= m.first && r < m.first + m.count) send(m, m.bytes);
      }
      end_round();
    }
  }

  void send(const Message& m, double bytes) {
    const Seconds latency = detail_ == Detail::fluid ? fluid_latency_ : step_of(m);
    std::uint32_t task = no_resource;
    if (m.from < 0 || m.to < 0) {
      const int member = std::max(m.from, m.to);
      task = wires_.send_to_switch(chip(member), m.from >= 0, terms_, Bytes(bytes), latency);
      wait(task, member);
      touched_.push_back({member, task, true});
      return;
    }
    wires_.send(chip(m.from), chip(m.to), terms_, Bytes(bytes), latency, task);
    wait(task, m.from);
    touched_.push_back({m.from, task, true});
    touched_.push_back({m.to, task, false});
  }

  // The task after all that the member did in earlier rounds.
  void wait(std::uint32_t task, int member) {
    std::vector<std::uint32_t>& before = last_[static_cast<std::size_t>(member)];
    if (before.size() > 2) before = {wires_.after(before)};
    for (const std::uint32_t on : before) wires_.graph.add_dependency(task, on);
  }

  // What a member sent waited for what it did before; one that only received keeps that too.
  void end_round() {
    std::stable_sort(touched_.begin(), touched_.end(),
                     [](const Touch& a, const Touch& b) { return a.member < b.member; });
    for (std::size_t i = 0; i < touched_.size();) {
      auto& last = last_[static_cast<std::size_t>(touched_[i].member)];
      std::size_t end = i;
      bool sent = false;
      while (end < touched_.size() && touched_[end].member == touched_[i].member)
        sent = touched_[end++].sent || sent;
      if (sent) last.clear();
      for (; i < end; ++i) last.push_back(touched_[i].task);
    }
    touched_.clear();
  }

  void join_units() {
    std::map<int, std::vector<std::uint32_t>> of_unit;
    for (std::size_t i = 0; i < chips_.size(); ++i) {
      auto& all = of_unit[unit(static_cast<int>(i))];
      all.insert(all.end(), last_[i].begin(), last_[i].end());
    }
    std::map<int, std::uint32_t> barrier;
    for (const auto& [u, tasks] : of_unit) barrier[u] = wires_.after(tasks);
    for (std::size_t i = 0; i < chips_.size(); ++i) last_[i] = {barrier[unit(static_cast<int>(i))]};
  }

  WireGraph& wires_;
  std::span<const int> chips_;
  const WireTerms& terms_;
  Detail detail_;
  Seconds fluid_latency_;
  std::vector<std::vector<std::uint32_t>> last_;  ///< of each member, what its next round waits for
  std::vector<Touch> touched_;                    ///< in this round
};

}  // namespace

WireGraph::WireGraph(const topology::Router& router)
    : graph(capacities(router)),
      router_(router),
      unit_links_(static_cast<std::uint32_t>(router.machine().unit.links().size())) {}

std::uint32_t WireGraph::add_route(std::span<const topology::Hop> hops, const WireTerms& terms) {
  const topology::Machine& m = router_.machine();
  links_.clear();
  loads_.clear();
  for (const topology::Hop& hop : hops) {
    const bool up = hop.link < static_cast<std::uint32_t>(m.units) * m.unit_links() &&
                    hop.link % m.unit_links() < unit_links_;
    links_.push_back(hop.link);
    loads_.push_back(hop.share / (up ? terms.up_share : terms.out_share));
  }
  return graph.add_route(links_, loads_);
}

bool WireGraph::send(int from, int to, const WireTerms& terms, Bytes bytes, Seconds latency,
                     std::uint32_t& task) {
  if (from == to) {
    task = graph.add_delay(latency);
    return true;
  }
  const auto [it, fresh] =
      routes_.try_emplace(Key(from, to, terms.up_share, terms.out_share), no_resource);
  if (fresh) {
    hops_.clear();
    if (topology::reached(router_.route(from, to, hops_))) {
      it->second = add_route(hops_, terms);
    } else {
      ++cut_off_;
    }
  }
  if (it->second == no_resource) {
    task = never();
    return false;
  }
  task = graph.add_transfer(it->second, bytes, latency);
  ++flows_;
  return true;
}

std::uint32_t WireGraph::send_to_switch(int chip, bool up, const WireTerms& terms, Bytes bytes,
                                        Seconds latency) {
  // A route to another chip of the unit goes up its sender's link and down its target's.
  const auto [it, fresh] =
      routes_.try_emplace(Key(chip, up ? -1 : -2, terms.up_share, terms.out_share), no_resource);
  if (fresh) {
    const topology::Machine& m = router_.machine();
    const int chips = m.unit.chips(), first = chip / chips * chips;
    const int other = first + (chip - first + 1) % chips;
    TR_CHECK(m.unit.spec().shape == topology::UnitShape::switched && other != chip, chip, chips);
    hops_.clear();
    topology::route(m, up ? chip : other, up ? other : chip, hops_);
    it->second = add_route(std::span(hops_).subspan(up ? 0 : hops_.size() - 1, 1), terms);
  }
  ++flows_;
  return graph.add_transfer(it->second, bytes, latency);
}

std::uint32_t WireGraph::never() {
  const std::uint32_t task = graph.add_delay(Seconds());
  graph.set_release(task, Seconds(std::numeric_limits<double>::infinity()));
  return task;
}

std::uint32_t WireGraph::after(std::span<const std::uint32_t> on) {
  if (on.size() == 1) return on.front();
  const std::uint32_t task = graph.add_delay(Seconds());
  for (const std::uint32_t t : on) graph.add_dependency(task, t);
  return task;
}

namespace {

/// Rings of one phase each as one, with one message for each pair that talks. (Where lanes load
/// their links unevenly, one flow for two would get the share of one.)
std::optional<Phase> merged(const Schedule& schedule) {
  std::map<std::pair<int, int>, double> bytes;
  Phase all;
  for (const Lane& lane : schedule.lanes) {
    if (lane.phases.size() != 1 || !lane.phases.front().passes_on) return std::nullopt;
    const Phase& phase = lane.phases.front();
    for (const Message& m : phase.messages) bytes[{m.from, m.to}] += m.bytes * m.count;
    all.hops = std::max(all.hops, phase.hops);
    all.passes_on = true;
  }
  for (const auto& [ends, b] : bytes) all.messages.push_back({ends.first, ends.second, b, 0, 1});
  return all;
}

}  // namespace

LaidOut lay(WireGraph& wires, std::span<const int> chips, const Schedule& schedule,
            const WireTerms& terms, Detail detail, std::span<const std::uint32_t> ready) {
  LaidOut laid;
  const bool works = chips.size() > 1 && !schedule.lanes.empty();
  laid.begin = wires.graph.add_delay(works ? terms.fixed : Seconds());
  for (const std::uint32_t on : ready) wires.graph.add_dependency(laid.begin, on);
  std::vector<std::vector<std::uint32_t>> ends(chips.size());
  std::vector<Lane> one;
  if (detail == Detail::fluid && schedule.lanes.size() > 1) {
    if (auto phase = merged(schedule)) one.push_back({{std::move(*phase)}});
  }
  for (const Lane& lane : one.empty() ? schedule.lanes : one) {
    LaneBuilder builder(wires, chips, terms, detail, laid.begin);
    for (const Phase& phase : lane.phases) builder.add(phase);
    for (std::size_t i = 0; i < chips.size(); ++i)
      ends[i].insert(ends[i].end(), builder.last()[i].begin(), builder.last()[i].end());
  }
  for (auto& tasks : ends) {
    std::sort(tasks.begin(), tasks.end());
    tasks.erase(std::unique(tasks.begin(), tasks.end()), tasks.end());
    laid.done.push_back(tasks.empty() ? laid.begin : wires.after(tasks));
  }
  return laid;
}

double flows_of(const Schedule& schedule, Detail detail) {
  double flows = 0.0;
  for (const Lane& lane : schedule.lanes) {
    for (const Phase& phase : lane.phases) {
      for (const Message& m : phase.messages) flows += detail == Detail::fluid ? 1 : m.count;
    }
  }
  return flows;
}

}  // namespace tightrope::netsim
