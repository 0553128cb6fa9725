// Branch and bound for programs with many futures. Few yes/no decisions matter there and each LP is
// large, so that a branching is chosen with care (by what it did before) and the same decision in
// several quarters is split as one: a port is never begun or begun, by a quarter or later.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "tightrope/procure/worker_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

constexpr double whole = 1e-6;      ///< this near to yes or no is yes or no
constexpr int root_trials = 16;     ///< ports tried both ways in the first dive
constexpr int looks = 6;            ///< unknown decisions that are tried at one node
constexpr int nodes_to_a_dive = 6;  ///< dives from nodes find plans, nodes alone seldom do

/// Decisions that belong together: a port by quarter, a price step by quarter, or one yes/no.
struct Decision {
  std::vector<int> variables;
  int port_row = -1;  ///< of a port: at most one of them
};

struct Node {
  double bound = 0.0;
  std::vector<Change> changes;
  std::vector<double> answers;  ///< of Program::yes_no
};

/// One way to split a node.
struct Split {
  int decision = -1;
  double fraction = 0.0;  ///< of yes
  std::vector<Change> no, yes;
};

/// What a split did to the bound, for one unit of fraction.
struct Experience {
  double no = 0.0, yes = 0.0;
  int times = 0;
};

class Search {
 public:
  Search(const Terms& t, const Program& p, const Options& options)
      : t_(t), p_(p), options_(options), worker_(p, options) {
    place_.assign(p.model.variables().size(), -1);
    for (std::size_t i = 0; i < p.yes_no.size(); ++i) place_[z(p.yes_no[i])] = static_cast<int>(i);
    gather();
  }

  Result<milp::Solution> run() {
    TR_TRY(milp::Solution root, worker_.solve());
    if (root.values.empty()) return root;
    open_.push_back({root.objective, {}, answers_of(root)});
    TR_TRY_VOID(offer(dive(t_, p_, worker_, std::move(root), root_trials)));
    int nodes = 0;
    while (!open_.empty() && !worker_.spent() && !done()) {
      const auto least =
          std::min_element(open_.begin(), open_.end(),
                           [](const Node& a, const Node& b) { return a.bound < b.bound; });
      Node node = std::move(*least);
      open_.erase(least);
      if (++nodes % nodes_to_a_dive == 0) TR_TRY_VOID(dive_from(node));
      TR_TRY_VOID(expand(std::move(node)));
    }
    finish(nodes);
    return std::move(best_);
  }

 private:
  void gather() {
    for (std::size_t w = 0; w < p_.start.size(); ++w) {
      for (std::size_t o = 0; o < p_.start[w].size(); ++o) {
        Decision port;
        for (int v : p_.start[w][o]) {
          if (v >= 0) port.variables.push_back(v);
        }
        port.port_row = p_.port_row[w][o];
        if (!port.variables.empty()) decisions_.push_back(std::move(port));
      }
    }
    std::map<std::pair<int, double>, Decision> steps;  // by offer and start
    for (const OpenStep& open : p_.opens) {
      steps[{open.offer, open.from}].variables.push_back(open.variable);
    }
    for (auto& [step, decision] : steps) decisions_.push_back(std::move(decision));
    for (const AnyOrder& any : p_.any_orders) decisions_.push_back({{any.variable}, -1});
    for (const auto& system : p_.qualified) {
      for (int v : system) {
        if (v >= 0) decisions_.push_back({{v}, -1});
      }
    }
    experience_.resize(decisions_.size());
  }

  [[nodiscard]] std::vector<double> answers_of(const milp::Solution& s) const {
    std::vector<double> answers;
    for (int v : p_.yes_no) answers.push_back(s.values[z(v)]);
    return answers;
  }

  [[nodiscard]] double answer(const Node& node, int variable) const {
    return node.answers[z(place_[z(variable)])];
  }

  [[nodiscard]] double cutoff() const {
    if (best_.values.empty()) return milp::infinity;
    return best_.objective - options_.gap * std::abs(best_.objective);
  }

  [[nodiscard]] double bound() const {
    double least = closed_;
    for (const Node& node : open_) least = std::min(least, node.bound);
    return least;
  }

  [[nodiscard]] bool done() const { return !best_.values.empty() && bound() >= cutoff(); }

  Result<void> offer(Result<milp::Solution> found) {
    if (!found) return Failure(found.error());
    if (found->values.empty()) return {};
    if (!best_.values.empty() && found->objective >= best_.objective) return {};
    best_ = std::move(*found);
    return {};
  }

  Result<void> dive_from(const Node& node) {
    worker_.load(node.changes);
    TR_TRY(milp::Solution now, worker_.solve());
    if (now.values.empty()) return {};
    return offer(dive(t_, p_, worker_, std::move(now), 0));
  }

  /// A port: never or at all, and when that is settled by a quarter or later.
  [[nodiscard]] Split split_port(const Node& node, const Decision& d) const {
    Split s;
    double sum = 0.0;
    for (int v : d.variables) sum += answer(node, v);
    if (sum > whole && sum < 1.0 - whole) {
      s.fraction = sum;
      for (int v : d.variables) s.no.push_back({v, 0.0, 0.0});
      s.yes.push_back({d.port_row, 1.0, 1.0, true});
      return s;
    }
    double begun = 0.0, nearest = 0.5 - whole;
    std::size_t at = d.variables.size();
    for (std::size_t i = 0; i + 1 < d.variables.size(); ++i) {
      begun += answer(node, d.variables[i]);
      if (std::abs(begun - 0.5) >= nearest) continue;
      nearest = std::abs(begun - 0.5);
      s.fraction = begun;
      at = i;
    }
    for (std::size_t i = 0; at < d.variables.size() && i < d.variables.size(); ++i) {
      (i <= at ? s.no : s.yes).push_back({d.variables[i], 0.0, 0.0});
    }
    return s;
  }

  /// Of a step that stays open, the quarter in which it is least decided.
  [[nodiscard]] Split split_one(const Node& node, const Decision& d) const {
    Split s;
    double nearest = 0.5 - whole;
    int at = -1;
    for (int v : d.variables) {
      const double x = answer(node, v);
      if (std::abs(x - 0.5) >= nearest) continue;
      nearest = std::abs(x - 0.5);
      s.fraction = x;
      at = v;
    }
    if (at < 0) return s;
    s.no.push_back({at, 0.0, 0.0});
    s.yes.push_back({at, 1.0, 1.0});
    return s;
  }

  [[nodiscard]] std::vector<Split> splits(const Node& node) const {
    std::vector<Split> list;
    for (std::size_t i = 0; i < decisions_.size(); ++i) {
      const Decision& d = decisions_[i];
      Split s = d.port_row >= 0 ? split_port(node, d) : split_one(node, d);
      s.decision = static_cast<int>(i);
      if (!s.no.empty()) list.push_back(std::move(s));
    }
    return list;
  }

  Result<Node> child(const Node& node, const std::vector<Change>& more) {
    Node c;
    c.changes = node.changes;
    c.changes.insert(c.changes.end(), more.begin(), more.end());
    worker_.load(c.changes);
    TR_TRY(milp::Solution s, worker_.solve());
    c.bound = s.values.empty() ? milp::infinity : std::max(node.bound, s.objective);
    if (!s.values.empty()) c.answers = answers_of(s);
    return c;
  }

  struct Children {
    Node no, yes;
    bool known = false;
  };

  Result<Children> both(const Node& node, const Split& s) {
    Children c;
    TR_TRY(c.no, child(node, s.no));
    TR_TRY(c.yes, child(node, s.yes));
    c.known = true;
    const double most = 0.1 * std::abs(node.bound);  // an end of the branch counts as a tenth
    Experience& e = experience_[z(s.decision)];
    const double n = ++e.times;
    e.no += (std::min(most, c.no.bound - node.bound) / s.fraction - e.no) / n;
    e.yes += (std::min(most, c.yes.bound - node.bound) / (1.0 - s.fraction) - e.yes) / n;
    return c;
  }

  [[nodiscard]] double promise(const Split& s) const {
    const Experience& e = experience_[z(s.decision)];
    const double least = 1e-6;
    return std::max(least, e.no * s.fraction) * std::max(least, e.yes * (1.0 - s.fraction));
  }

  /// Splits a node where the bound is expected to rise most.
  Result<void> expand(Node node) {
    std::vector<Split> list = splits(node);
    if (list.empty()) return settle(node);
    std::stable_sort(list.begin(), list.end(), [](const Split& a, const Split& b) {
      return std::abs(a.fraction - 0.5) < std::abs(b.fraction - 0.5);
    });
    std::vector<Children> tried(list.size());
    int left = looks;
    for (std::size_t i = 0; i < list.size() && left > 0 && !worker_.spent(); ++i) {
      if (experience_[z(list[i].decision)].times > 0) continue;
      TR_TRY(tried[i], both(node, list[i]));
      --left;
    }
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < list.size(); ++i) {
      if (promise(list[i]) > promise(list[chosen])) chosen = i;
    }
    if (!tried[chosen].known) {
      TR_TRY(tried[chosen], both(node, list[chosen]));
    }
    for (Node* c : {&tried[chosen].no, &tried[chosen].yes}) {
      if (c->bound >= milp::infinity) continue;
      if (c->bound >= cutoff()) {
        closed_ = std::min(closed_, c->bound);
      } else {
        open_.push_back(std::move(*c));
      }
    }
    return {};
  }

  /// Every yes/no is decided: whole lots are all that is missing.
  Result<void> settle(const Node& node) {
    closed_ = std::min(closed_, node.bound);
    worker_.load(node.changes);
    for (int v : p_.yes_no) worker_.hold(v, std::round(answer(node, v)));
    TR_TRY(milp::Solution fixed, worker_.solve());
    if (fixed.values.empty()) return {};
    return offer(round_lots(t_, p_, worker_, fixed));
  }

  void finish(int nodes) {
    best_.nodes = nodes;
    const double proven = bound();
    if (best_.values.empty()) {
      best_.bound = proven;
      if (open_.empty() && closed_ >= milp::infinity) best_.status = milp::SolveStatus::infeasible;
    } else {
      state_gap(proven, options_.gap, best_);
    }
    const bool open =
        best_.status == milp::SolveStatus::feasible || best_.status == milp::SolveStatus::no_answer;
    if (open && worker_.spent())
      best_.ended = worker_.late() ? milp::Ended::clock : milp::Ended::work;
  }

  const Terms& t_;
  const Program& p_;
  const Options& options_;
  Worker worker_;
  std::vector<int> place_;
  std::vector<Decision> decisions_;
  std::vector<Experience> experience_;
  std::vector<Node> open_;
  double closed_ = milp::infinity;  ///< the least bound of a node that was not split further
  milp::Solution best_;
};

}  // namespace

Result<milp::Solution> branch(const Terms& t, const Program& p, const Options& options) {
  return Search(t, p, options).run();
}

Worker::Worker(const Program& p, const Options& options)
    : p_(p), options_(options), session_(p.model) {
  for (std::size_t i = 0; i < p.model.variables().size(); ++i) {
    const milp::Variable& v = p.model.variables()[i];
    variables_.push_back({v.lower, v.upper});
    if (v.integer) integers_.push_back(static_cast<int>(i));
  }
  for (const auto& rows : p.port_row) {
    for (int row : rows) {
      if (row >= 0) port_rows_.push_back(row);
    }
  }
  for (const milp::Row& row : p.model.rows()) rows_.push_back({row.lower, row.upper});
}

void Worker::set(const Change& c) {
  Bounds& now = c.row ? rows_[z(c.index)] : variables_[z(c.index)];
  if (now.lower == c.lower && now.upper == c.upper) return;
  now = {c.lower, c.upper};
  if (c.row) {
    session_.set_row_bounds(c.index, c.lower, c.upper);
  } else {
    session_.set_bounds(c.index, c.lower, c.upper);
  }
}

void Worker::load(const std::vector<Change>& changes) {
  // The last word on each counts; what is not named goes back.
  std::map<int, Change> variables, rows;
  for (const Change& c : changes) (c.row ? rows : variables)[c.index] = c;
  for (int v : integers_) {
    const auto changed = variables.find(v);
    const milp::Variable& own = p_.model.variables()[z(v)];
    set(changed != variables.end() ? changed->second : Change{v, own.lower, own.upper});
  }
  for (int r : port_rows_) {
    const auto changed = rows.find(r);
    const milp::Row& own = p_.model.rows()[z(r)];
    set(changed != rows.end() ? changed->second : Change{r, own.lower, own.upper, true});
  }
}

Result<milp::Solution> Worker::solve() {
  ++solves_;
  TR_TRY(milp::Solution s, session_.solve(false));
  if (s.status != milp::SolveStatus::optimal) s.values.clear();
  return s;
}

bool Worker::late() const { return options_.time_left && options_.time_left().raw() <= 0.0; }

}  // namespace tightrope::procure
