#include "tightrope/network_study/step_builder.h"

#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"

namespace tightrope::network_study {
namespace {

using formula::Collective;
using netsim::Dimension;
using netsim::Layout;
using netsim::Segment;
using netsim::StageWork;
using netsim::StepProgram;
using netsim::Transfer;
using step::OpTime;
using step::Phase;

// Kernels or a transfer, before they are paired into segments.
struct Item {
  int transfer = -1;
  Seconds compute{};
};

Dimension dimension_of(const OpTime& op) {
  if (op.kind == "ep") return Dimension::ep;
  if (op.kind == "cp") return Dimension::cp;
  return op.experts ? Dimension::etp : Dimension::tp;
}

class Builder {
 public:
  Builder(const step::Context& context, const step::Estimate& estimate,
          const topology::Machine& machine, const Layout& layout, const netsim::Seating& seating)
      : c_(context),
        e_(estimate),
        m_(estimate.mapping),
        machine_(machine),
        layout_(layout),
        seats_(seating),
        ideal_(context.fabric) {
    ideal_.fabric.scaleup = topology::ScaleupTopology::switched;
  }

  BuiltStep run() {
    StepProgram& p = out_.program;
    p.stages = m_.pp;
    p.chunks = m_.vp;
    p.micro_batches = e_.micro_batches;
    const auto stages =
        step::spread_layers(c_.model, {m_.pp, m_.vp, m_.first_stage_layers, m_.last_stage_layers});
    TR_CHECK(stages.has_value());
    const step::CostKey key = step::cost_key(m_);
    const step::BlockCosts costs = step::block_costs(c_, key);
    const step::Basis basis = step::make_basis(c_, m_, costs, *stages, e_.micro_batches);
    list_ops(key);
    for (std::size_t i = 0; i < stages->size(); ++i) {
      p.works.push_back(stage_work((*stages)[i], basis, basis.runs[i]));
      const int index = static_cast<int>(p.works.size()) - 1;
      p.work_of_stage.insert(p.work_of_stage.end(), (*stages)[i].count, index);
    }
    add_messages();
    const step::TimeParts& parts = e_.parts;
    p.after_reduce = parts.optimizer + parts.offload + parts.fixed;
    const Seconds hop = step::hop_time(c_, m_);
    out_.pipeline = formula::replay_pipeline({basis.stage_runs, m_.vp, e_.micro_batches, hop});
    p.straggler_share = parts.straggler / out_.pipeline.time;
    return std::move(out_);
  }

 private:
  void list_ops(const step::CostKey& key) {
    step::CostKey plain = key;
    plain.recompute = {};
    auto ops = [&](const step::Part& part, const step::CostKey& by) {
      std::vector<OpTime> list;
      const step::PartCost cost [[maybe_unused]] = step::part_cost(c_, part, by, &list);
      return list;
    };
    for (const step::Part& part : c_.kinds) {
      kinds_.push_back(ops(part, key));
      plain_.push_back(ops(part, plain));
    }
    embedding_ = ops(c_.embedding, plain);
    head_ = ops(c_.head, plain);
    if (c_.model.mtp_layers > 0) mtp_ = ops(c_.mtp, plain);
  }

  // Members of a part that share a unit with the first: as the group of rank 0 lies.
  topology::Group lies(const Layout::Part& part) const {
    std::vector<int> members;
    layout_.group(0, part, members);
    const int n = static_cast<int>(members.size());
    const int chips = machine_.unit.chips();
    auto unit = [&](int rank) {
      return seats_.chip_of_rank[static_cast<std::size_t>(rank)] / chips;
    };
    int inside = 0;
    for (const int r : members) inside += unit(r) == unit(members.front()) ? 1 : 0;
    while (n % inside != 0) --inside;
    return {n, inside};
  }

  int transfer(const Transfer& t) {
    std::vector<Transfer>& all = out_.program.transfers;
    const auto same = [&](const Transfer& o) {
      return o.over == t.over && o.kind == t.kind && o.count == t.count && o.stride == t.stride &&
             o.size == t.size && o.repeats == t.repeats && o.latency == t.latency && o.up == t.up &&
             o.out == t.out && o.hidden == t.hidden;
    };
    const auto found = std::find_if(all.begin(), all.end(), same);
    if (found != all.end()) return static_cast<int>(found - all.begin());
    all.push_back(t);
    return static_cast<int>(all.size()) - 1;
  }

  void time_alone(Transfer& t, const topology::Group& group) const {
    const formula::CollectiveTime alone = formula::collective({t.kind, t.size, group}, ideal_);
    t.up = alone.scaleup;
    t.out = alone.scaleout;
    t.latency = alone.time - max(alone.scaleup, alone.scaleout);
  }

  Transfer of_op(const OpTime& op, double times) const {
    Transfer t;
    t.over = dimension_of(op);
    t.kind = op.collective;
    t.size = op.bytes;
    t.repeats = times;
    t.hidden = times * op.hidden;
    t.slowdown = c_.tuning.habits.steal;
    const topology::Group whole = lies({t.over, 0, 1});
    time_alone(t, op.group.ranks == whole.ranks ? whole : op.group);
    t.closed = op.time;
    return t;
  }

  // Two exchanges at the same time, one over each tier: as slow as the slower. The size stays that
  // of the first, which a token crosses the interfaces with once a domain.
  static void beside(Transfer& t, const Transfer& other) {
    const Seconds latency = min(t.latency, other.latency);
    const Seconds far = t.latency + t.out, near = other.latency + other.up;
    t.latency = latency;
    t.out = max(far - latency, Seconds(0.0));
    t.up = max(near - latency, Seconds(0.0));
    t.closed = max(t.closed, other.closed);
  }

  // A part's work in one pass as items, `times` layers of it (a fraction where chunks do not divide
  // the layers). Transfers stand before the kernels that they run beside.
  template <class Wanted>
  void add_part(const std::vector<OpTime>& ops, double times, Wanted wanted,
                std::vector<Item>& items) {
    Transfer pending;
    std::vector<int> exchanges;
    bool open = false;
    const std::size_t first = items.size();
    auto close = [&] {
      if (!open) return;
      open = false;
      const bool hides = pending.hidden > Seconds(0.0);
      auto at = items.end();
      if (hides && pending.over == Dimension::ep) {
        // Another micro-batch's kernels: the exchanges lie evenly between them.
        exchanges.push_back(transfer(pending));
        return;
      }
      if (hides && items.size() > first && items.back().transfer < 0) --at;
      items.insert(at, Item{transfer(pending), {}});
    };
    for (const OpTime& op : ops) {
      if (!wanted(op)) continue;
      const bool moves = op.kind == "tp" || op.kind == "cp" || op.kind == "ep";
      if (!moves) {
        close();
        items.push_back({-1, times * op.time});
      } else if (op.group.ranks > 1) {
        if (op.parallel && open) {
          beside(pending, of_op(op, times));
          continue;
        }
        close();
        pending = of_op(op, times);
        open = true;
      }
    }
    close();
    if (!exchanges.empty()) spread_evenly(exchanges, first, items);
  }

  // Puts transfers where the n-th of them has n/count of the kernels' time before it.
  static void spread_evenly(const std::vector<int>& transfers, std::size_t first,
                            std::vector<Item>& items) {
    Seconds all{};
    for (std::size_t i = first; i < items.size(); ++i) all += items[i].compute;
    std::vector<Item> out(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(first));
    Seconds before{};
    std::size_t next = 0;
    const auto n = static_cast<double>(transfers.size());
    for (std::size_t i = first; i < items.size(); ++i) {
      while (next < transfers.size() && before >= static_cast<double>(next) / n * all) {
        out.push_back({transfers[next++], {}});
      }
      out.push_back(items[i]);
      before += items[i].compute;
    }
    while (next < transfers.size()) out.push_back({transfers[next++], {}});
    items = std::move(out);
  }

  static std::vector<Segment> segments(const std::vector<Item>& items, Seconds nominal,
                                       Seconds visible) {
    std::vector<Segment> out;
    Seconds kernels{};
    for (const Item& item : items) {
      if (item.transfer >= 0 || out.empty()) out.push_back({item.transfer, {}});
      if (item.transfer < 0) {
        out.back().compute += item.compute;
        kernels += item.compute;
      }
    }
    if (out.empty()) out.push_back({});
    // Waiting for the host, which the closed form counts a stage and not a kernel.
    out.back().compute += max(nominal - visible - kernels, Seconds(0.0));
    return out;
  }

  // All layers and ends of a chunk in one pass; `split` also says what belongs to the pass.
  template <class Wanted>
  std::vector<Item> pass(const step::StageLayers& stage, Wanted wanted) {
    std::vector<Item> items;
    const double share = 1.0 / m_.vp;
    auto layers = [&](const std::vector<OpTime>& ops, double count) {
      const int whole = static_cast<int>(std::ceil(count * share - 1e-9));
      for (int i = 0; i < whole; ++i) add_part(ops, count * share / whole, wanted, items);
    };
    if (stage.embedding) add_part(embedding_, share, wanted, items);
    int plain_left = m_.recompute_layers > 0 ? stage.total() - m_.recompute_layers : 0;
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      const int n = stage.layers[k], plain = std::clamp(plain_left, 0, n);
      plain_left -= plain;
      layers(plain_[k], plain);
      layers(kinds_[k], n - plain);
    }
    if (stage.head) {
      add_part(head_, share, wanted, items);
      const double extra = share * c_.model.mtp_layers;
      if (extra > 0) {
        add_part(mtp_, extra, wanted, items);
        add_part(kinds_.back(), extra, wanted, items);
        add_part(head_, extra, wanted, items);
      }
    }
    return items;
  }

  // What transfers of a pass add to it alone.
  Seconds visible(const std::vector<Item>& items) const {
    Seconds sum{};
    for (const Item& item : items) {
      if (item.transfer < 0) continue;
      const Transfer& t = out_.program.transfers[static_cast<std::size_t>(item.transfer)];
      const Seconds alone = t.repeats * (t.latency + max(t.up, t.out));
      const Seconds hidden = min(alone, t.hidden);
      sum += alone - hidden + t.slowdown * hidden;
    }
    return sum;
  }

  StageWork stage_work(const step::StageLayers& stage, const step::Basis& basis,
                       const step::RunBasis& run) {
    const bool split = m_.schedule == step::Schedule::zero_bubble;
    const double share = 1.0 / m_.vp;
    StageWork work;
    const auto forward = pass(stage, [](const OpTime& op) { return op.phase == Phase::forward; });
    work.forward = segments(forward, share * run.time.forward, visible(forward));
    auto again =
        pass(stage, [](const OpTime& op) { return op.phase == Phase::recompute || op.recomputed; });
    const auto backward = pass(stage, [&](const OpTime& op) {
      const bool moves = op.kind == "tp" || op.kind == "cp" || op.kind == "ep";
      return op.phase == Phase::backward_input ||
             (op.phase == Phase::backward_weight && (moves || !split));
    });
    again.insert(again.end(), backward.begin(), backward.end());
    work.backward = segments(again, share * run.time.backward, visible(again));
    if (split) {
      const auto weight = pass(stage, [](const OpTime& op) {
        const bool moves = op.kind == "tp" || op.kind == "cp" || op.kind == "ep";
        return op.phase == Phase::backward_weight && !moves;
      });
      work.weight = segments(weight, share * run.time.weight, {});
    }
    add_sync(basis, run, work);
    return work;
  }

  void add_sync(const step::Basis& basis, const step::RunBasis& run, StageWork& work) {
    const step::RunBasis& busiest = step::busiest_run(basis);
    const Seconds forward = busiest.time.forward;
    const Seconds backward = busiest.time.backward + busiest.time.weight;
    const double quality = m_.dp_overlap ? c_.tuning.habits.dp_hidden : 0.0;
    const double steal = c_.tuning.habits.steal;
    std::vector<Transfer> gathers, reduces;
    for (const step::SyncOp& op : step::sync_ops(c_, m_, run)) {
      Transfer t;
      t.over = op.experts ? Dimension::edp : Dimension::dp;
      t.kind = op.kind;
      t.count = op.group.ranks;
      t.stride = op.stride;
      t.size = op.size;
      t.repeats = op.pieces;
      t.slowdown = 0;
      time_alone(t, lies({t.over, t.count, t.stride}));
      t.closed = formula::collective({t.kind, t.size, op.group}, c_.fabric).time;
      (op.gather ? gathers : reduces).push_back(t);
    }
    if (m_.sharding == step::Sharding::full) {
      spread(gathers, quality * forward, steal, work.forward);
      gathers.insert(gathers.end(), reduces.begin(), reduces.end());
      spread(gathers, quality * backward, steal, work.backward);
      return;
    }
    const double passes = std::max(1.0, m_.pp * (m_.vp - 1.0) / m_.vp);
    auto fill = [&](netsim::Sync& sync, std::vector<Transfer>& list, Seconds window) {
      for (const Transfer& t : list) sync.transfers.push_back(transfer(t));
      sync.passes = std::max(1, static_cast<int>(std::lround(passes * m_.vp)));
      sync.quality = quality;
      sync.window = passes * window;
      sync.slowdown = steal;
    };
    fill(work.reduce, reduces, backward);
    fill(work.gather, gathers, forward);
  }

  // Transfers of every micro-batch, spread over a pass so that they do not hide behind the same
  // kernels.
  void spread(const std::vector<Transfer>& list, Seconds window, double steal,
              std::vector<Segment>& segments) {
    const double share = 1.0 / m_.vp;
    Seconds left = share * window;
    std::vector<Segment> out;
    const std::size_t n = list.size();
    std::size_t next = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      while (next < n && next * segments.size() <= i * n) {
        Transfer t = list[next++];
        t.repeats *= share;
        const Seconds alone = t.repeats * (t.latency + max(t.up, t.out));
        t.hidden = min(alone, left);
        t.slowdown = steal;
        left -= t.hidden;
        out.push_back({transfer(t), {}});
      }
      out.push_back(segments[i]);
    }
    segments = std::move(out);
  }

  void add_messages() {
    if (m_.pp == 1) return;
    const double whole = m_.micro_batch * static_cast<double>(c_.job.seq_len) / m_.cp;
    const double tokens = m_.p2p_scatter ? whole / m_.tp : whole;
    Transfer t;
    t.over = Dimension::pp;
    t.kind = Collective::send_recv;
    t.size = Bytes(tokens * static_cast<double>(c_.model.hidden) * 2);
    const formula::CollectiveTime near = formula::collective({t.kind, t.size, {2, 2}}, ideal_);
    const int chips = machine_.unit.chips();
    auto unit = [&](int rank) {
      return seats_.chip_of_rank[static_cast<std::size_t>(rank)] / chips;
    };
    bool any_far = false;
    for (int s = 0; s + 1 < m_.pp; ++s) {
      any_far = any_far || unit(layout_.at_stage(0, s)) != unit(layout_.at_stage(0, s + 1));
    }
    t.up = near.scaleup;
    t.latency = near.time - near.scaleup;
    if (any_far) {
      const formula::CollectiveTime far = formula::collective({t.kind, t.size, {2, 1}}, ideal_);
      t.out = far.scaleout;
      t.latency = far.time - far.scaleout;
    }
    if (m_.p2p_scatter && m_.tp_comm != step::TpComm::sequence_parallel && m_.tp > 1) {
      const Bytes all(whole * static_cast<double>(c_.model.hidden) * 2);
      t.latency +=
          formula::collective({Collective::all_gather, all, lies({Dimension::tp, 0, 1})}, ideal_)
              .time;
    }
    t.closed = step::hop_time(c_, m_);
    // Two entries: both directions may be under way at once.
    for (int* send : {&out_.program.send_forward, &out_.program.send_backward}) {
      *send = static_cast<int>(out_.program.transfers.size());
      out_.program.transfers.push_back(t);
    }
  }

  const step::Context& c_;
  const step::Estimate& e_;
  const step::Mapping& m_;
  const topology::Machine& machine_;
  const Layout& layout_;
  const netsim::Seating& seats_;
  formula::FabricModel ideal_;  ///< with a switch for its scale-up domain
  std::vector<std::vector<OpTime>> kinds_, plain_;
  std::vector<OpTime> embedding_, head_, mtp_;
  BuiltStep out_;
};

}  // namespace

Layout::Sizes layout_of(const step::Mapping& m) {
  return {.tp = m.tp, .cp = m.cp, .dp = m.dp, .pp = m.pp, .ep = m.ep, .etp = m.etp};
}

topology::AxisOrder order_of(const step::Mapping& m) {
  using topology::Axis;
  std::vector<Axis> near, far;
  (m.tp_scaleout ? far : near).push_back(Axis::tp);
  near.push_back(Axis::cp);
  (m.dp_scaleout ? far : near).push_back(Axis::dp);
  (m.pp_scaleout && !far.empty() ? far : near).push_back(Axis::pp);
  near.insert(near.end(), far.begin(), far.end());
  topology::AxisOrder order{};
  std::copy(near.begin(), near.end(), order.begin());
  return order;
}

BuiltStep build_step(const step::Context& context, const step::Estimate& estimate,
                     const topology::Machine& machine, const Layout& layout,
                     const netsim::Seating& seating) {
  return Builder(context, estimate, machine, layout, seating).run();
}

}  // namespace tightrope::network_study
