// Where the step's time goes, down to each kernel and collective.
#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/formula/overlap.h"
#include "tightrope/report/explain_internal.h"

namespace tightrope::report {
namespace {

using step::OpTime;
using step::Phase;

std::string share(Seconds part, Seconds whole) {
  return fmt::format("{} ({:.1f} %)", to_text(part), 100 * (part / whole));
}

std::string_view function_of(const OpTime& op) {
  if (op.kind == "gemm") return "gemm";
  if (op.kind == "pass" || op.kind == "cast") return "stream";
  if (op.kind != "attention") return "collective";
  return op.phase == Phase::backward_input ? "attention_backward" : "attention_forward";
}

Node op_node(const OpTime& op) {
  const bool transfer = function_of(op) == "collective";
  std::string value = to_text(op.visible);
  if (transfer && op.visible != op.time) value += fmt::format(" visible of {}", to_text(op.time));
  Node node = card_node(fmt::format("{} {}", op.kind, op.name), value, function_of(op));
  if (op.flops > Flops(0.0)) {
    node.note = fmt::format("{}, {}, {} reached", to_text(op.flops), to_text(op.bytes),
                            to_text(op.flops / op.time));
  } else if (op.time > Seconds(0.0)) {
    node.note = fmt::format("{}, {}", to_text(op.bytes), to_text(op.bytes / op.time));
  }
  return node;
}

// One of the parts of the step: which operations belong to it, and its time in a layer's cost.
struct Slice {
  const char* name;
  Seconds step::TimeParts::* total;
  std::function<bool(const OpTime&)> holds;
  std::function<Seconds(const step::PartCost&)> time;
};

bool is_transfer(const OpTime& op) { return op.kind == "tp" || op.kind == "cp" || op.kind == "ep"; }

const std::vector<Slice>& slices() {
  static const std::vector<Slice> list = {
      {"forward kernels", &step::TimeParts::forward,
       [](const OpTime& op) { return !is_transfer(op) && op.phase == Phase::forward; },
       [](const step::PartCost& c) { return c.forward; }},
      {"backward kernels", &step::TimeParts::backward,
       [](const OpTime& op) {
         return !is_transfer(op) &&
                (op.phase == Phase::backward_input || op.phase == Phase::backward_weight);
       },
       [](const step::PartCost& c) { return c.backward_input + c.backward_weight; }},
      {"recompute", &step::TimeParts::recompute,
       [](const OpTime& op) { return op.phase == Phase::recompute; },
       [](const step::PartCost& c) { return c.recompute; }},
      {"tensor parallel", &step::TimeParts::tp, [](const OpTime& op) { return op.kind == "tp"; },
       [](const step::PartCost& c) { return c.tp_forward + c.tp_backward; }},
      {"context parallel", &step::TimeParts::cp, [](const OpTime& op) { return op.kind == "cp"; },
       [](const step::PartCost& c) { return c.cp_forward + c.cp_backward; }},
      {"expert parallel", &step::TimeParts::ep, [](const OpTime& op) { return op.kind == "ep"; },
       [](const step::PartCost& c) { return c.ep_forward + c.ep_backward; }},
  };
  return list;
}

class TimeTree {
 public:
  TimeTree(const step::Context& context, const study::Plan& plan, const Workings& workings)
      : c_(context), e_(plan.estimate), m_(plan.estimate.mapping), w_(workings) {}

  Node build() {
    const step::TimeParts& p = e_.parts;
    Node root = card_node("step time", to_text(p.total), "finish");
    root.formula =
        "pipeline + visible ZeRO-3, offload and data-parallel traffic + optimizer + "
        "stragglers + fixed host work";
    root.note = "seen from the busiest stage; the parts below add up to the step";
    root.children.push_back(pipeline_node());
    add(root, "ZeRO-3 gathers and reductions", p.shard_gather, "expose");
    add(root, "traffic to host memory", p.offload, "expose");
    add(root, "data parallel", p.dp, "expose");
    root.children.back().children = sync_nodes();
    add(root, "optimizer", p.optimizer, "optimizer_traffic");
    add(root, "waiting for the slowest node", p.straggler, "finish");
    root.children.back().formula = "straggler x log2(nodes) x pipeline time";
    root.children.back().note =
        fmt::format("straggler {:.4f} from calibration/training.toml", c_.tuning.habits.straggler);
    add(root, "host work once a step", p.fixed, "finish");
    root.children.back().formula = "step_fixed_ms of calibration/training.toml";
    std::erase_if(root.children, [](const Node& n) { return n.value.starts_with("0 s"); });
    return root;
  }

 private:
  void add(Node& root, std::string name, Seconds time, std::string_view function) const {
    const std::string value = time > Seconds(0.0) ? share(time, e_.step_time) : "0 s";
    root.children.push_back(card_node(std::move(name), value, function));
  }

  Node pipeline_node() {
    const step::TimeParts& p = e_.parts;
    Node node = card_node("pipeline", share(e_.pipeline.time, e_.step_time), "replay_pipeline");
    node.note = fmt::format("{} stages, {} chunks each, {} micro-batches; busiest from stage {}",
                            m_.pp, m_.vp, e_.micro_batches, w_.layout[w_.busiest].first);
    for (const Slice& slice : slices()) {
      if (p.*slice.total > Seconds(0.0)) node.children.push_back(slice_node(slice));
    }
    add(node, "embedding, head and loss", p.ends, "part_cost");
    node.children.back().children = end_nodes();
    add(node, "waiting for the host", p.host, "make_basis");
    node.children.back().formula = "kernels x host time a kernel, where that exceeds their time";
    add(node, "bubble", p.bubble, "uniform_pipeline");
    std::erase_if(node.children, [](const Node& n) { return n.value.starts_with("0 s"); });
    return node;
  }

  Node slice_node(const Slice& slice) {
    Node node;
    node.name = slice.name;
    node.value = share(e_.parts.*slice.total, e_.step_time);
    const step::StageLayers& stage = w_.layout[w_.busiest];
    int plain_left = m_.recompute_layers > 0 ? stage.total() - m_.recompute_layers : 0;
    for (std::size_t k = 0; k < c_.kinds.size(); ++k) {
      const int plain = std::clamp(plain_left, 0, stage.layers[k]);
      plain_left -= plain;
      const int full = stage.layers[k] - plain;
      const std::string& kind = c_.model.kinds[k].name;
      if (full > 0) add_layers(node, slice, kind, c_.kinds[k], w_.costs.kinds[k], full, false);
      if (plain > 0) {
        add_layers(node, slice, kind + " kept", c_.kinds[k], w_.costs.plain[k], plain, true);
      }
    }
    return node;
  }

  void add_layers(Node& node, const Slice& slice, const std::string& kind, const step::Part& part,
                  const step::PartCost& cost, int layers, bool plain) {
    const Seconds one = slice.time(cost);
    if (!(one > Seconds(0.0))) return;
    Node layer = card_node(fmt::format("{} layer", kind), to_text(one), "part_cost");
    layer.formula = "sum of the layer's kernels and visible collectives";
    layer.note = fmt::format("x {} layers x {} micro-batches", layers, e_.micro_batches);
    Seconds listed{};
    for (const OpTime& op : ops_of(part, plain)) {
      if (!slice.holds(op)) continue;
      layer.children.push_back(op_node(op));
      listed += op.visible;
    }
    add_rest(layer, one, listed);
    node.children.push_back(std::move(layer));
  }

  // What the list leaves out, or holds twice.
  static void add_rest(Node& layer, Seconds whole, Seconds listed) {
    Node rest;
    if (whole - listed > 1e-9 * whole) {
      rest.name = "collectives run again";
      rest.value = to_text(whole - listed);
    } else if (listed - whole > 1e-9 * whole) {
      rest.name = "links that work at the same time";
      rest.value = "-" + to_text(listed - whole);
    } else {
      return;
    }
    layer.children.push_back(std::move(rest));
  }

  std::vector<OpTime> ops_of(const step::Part& part, bool plain) const {
    step::CostKey key = step::cost_key(m_);
    if (plain) key.recompute = {};
    std::vector<OpTime> ops;
    [[maybe_unused]] const step::PartCost cost = step::part_cost(c_, part, key, &ops);
    return ops;
  }

  std::vector<Node> end_nodes() const {
    std::vector<Node> nodes;
    const step::StageLayers& stage = w_.layout[w_.busiest];
    auto add_end = [&](const char* name, const step::Part& part) {
      Seconds sum{};
      Node node;
      node.name = name;
      for (const OpTime& op : ops_of(part, true)) {
        node.children.push_back(op_node(op));
        sum += op.visible;
      }
      node.value = to_text(sum);
      node.note = fmt::format("x {} micro-batches", e_.micro_batches);
      nodes.push_back(std::move(node));
    };
    if (stage.embedding) add_end("embedding", c_.embedding);
    if (stage.head) add_end("head and loss", c_.head);
    if (stage.head && c_.model.mtp_layers > 0) add_end("multi-token prediction", c_.mtp);
    return nodes;
  }

  std::vector<Node> sync_nodes() const {
    const step::RunSync& s = w_.sync.runs[w_.busiest];
    Node reduce = card_node("gradients, alone", to_text(s.reduce), "collective");
    Node gather = card_node("parameters, alone", to_text(s.gather), "collective");
    gather.note = fmt::format("a rank sends {} inside its domain, {} over the NICs",
                              to_text(s.scaleup_traffic), to_text(s.scaleout_traffic));
    return {std::move(reduce), std::move(gather)};
  }

  const step::Context& c_;
  const step::Estimate& e_;
  const step::Mapping& m_;
  const Workings& w_;
};

}  // namespace

Node time_node(const step::Context& context, const study::Plan& plan, const Workings& workings) {
  return TimeTree(context, plan, workings).build();
}

}  // namespace tightrope::report
