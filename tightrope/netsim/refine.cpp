#include "tightrope/netsim/refine.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// A sum of 128-bit hashes: the same for the same multiset, whatever the order.
struct Signature {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  void add(const Signature& o) {
    high += o.high;
    low += o.low;
  }
  void remove(const Signature& o) {
    high -= o.high;
    low -= o.low;
  }
  friend auto operator<=>(const Signature&, const Signature&) = default;
};

std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

Signature signature_of(std::uint32_t colour, std::uint32_t label, std::uint64_t seed) {
  const std::uint64_t x = (static_cast<std::uint64_t>(colour) << 32) | label;
  return {scramble(x + seed), scramble(x * 0x9e3779b97f4a7c15ULL + ~seed)};
}

/// Numbers colours 0, 1, ... by first appearance; returns how many there are.
std::uint32_t renumber(std::span<std::uint32_t> colour) {
  std::uint32_t most = 0;
  for (const std::uint32_t c : colour) most = std::max(most, c);
  if (most > 4 * colour.size()) {  // any numbers will do, so make them dense first
    std::vector<std::uint32_t> values(colour.begin(), colour.end());
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    for (std::uint32_t& c : colour)
      c = static_cast<std::uint32_t>(std::lower_bound(values.begin(), values.end(), c) -
                                     values.begin());
    most = static_cast<std::uint32_t>(values.size());
  }
  std::vector<std::uint32_t> name(static_cast<std::size_t>(most) + 1, none);
  std::uint32_t count = 0;
  for (std::uint32_t& c : colour) {
    if (name[c] == none) name[c] = count++;
    c = name[c];
  }
  return count;
}

class Refiner {
 public:
  Refiner(const SightGraph& graph, std::span<std::uint32_t> colour, std::uint64_t seed)
      : graph_(graph), colour_(colour), seed_(seed) {}

  void run() {
    const std::uint32_t classes = renumber(colour_);
    size_.assign(classes, 0);
    start_.assign(classes, 0);
    element_.resize(colour_.size());
    place_.resize(colour_.size());
    kept_.assign(classes, {});
    signature_.assign(colour_.size(), {});
    dirty_mark_.assign(colour_.size(), 1);
    for (std::uint32_t u = 0; u < colour_.size(); ++u) {
      ++size_[colour_[u]];
      dirty_.push_back({colour_[u], {}, u});
      for (std::uint32_t i = graph_.begin[u]; i < graph_.begin[u + 1]; ++i)
        signature_[graph_.seer[i]].add(signature_of(colour_[u], graph_.label[i], seed_));
    }
    for (std::uint32_t c = 1; c < classes; ++c) start_[c] = start_[c - 1] + size_[c - 1];
    std::vector<std::uint32_t> at = start_;
    for (std::uint32_t u = 0; u < colour_.size(); ++u) {
      place_[u] = at[colour_[u]]++;
      element_[place_[u]] = u;
    }
    while (!dirty_.empty()) {
      split();
      recolour();
    }
  }

 private:
  struct Dirty {  ///< a node whose signature changed
    std::uint32_t colour = 0;
    Signature signature;
    std::uint32_t node = 0;
  };
  struct Group {  ///< members of one class that now see the same, dirty_[first .. last)
    std::size_t first = 0;
    std::size_t last = 0;
    std::uint32_t name = 0;
  };
  struct Change {
    std::uint32_t node = 0;
    std::uint32_t to = 0;
  };

  /// Splits every class that has dirty members. The largest part keeps the number, so that a node
  /// which gets a new one is in a class of at most half the size: log2(nodes) times at most.
  void split() {
    for (Dirty& d : dirty_) {
      d.signature = signature_[d.node];
      dirty_mark_[d.node] = 0;
    }
    std::sort(dirty_.begin(), dirty_.end(), [](const Dirty& a, const Dirty& b) {
      return std::tie(a.colour, a.signature, a.node) < std::tie(b.colour, b.signature, b.node);
    });
    for (std::size_t first = 0; first < dirty_.size();) {
      std::size_t last = first;
      while (last < dirty_.size() && dirty_[last].colour == dirty_[first].colour) ++last;
      split_class(first, last);
      first = last;
    }
    dirty_.clear();
  }

  /// Members of a class fall into those that are clean and groups of dirty ones by what they see.
  void split_class(std::size_t first, std::size_t last) {
    const std::uint32_t c = dirty_[first].colour;
    groups_.clear();
    std::size_t clean = size_[c] - (last - first);
    std::size_t best = none;  // the group that keeps the number; none: the clean members
    for (std::size_t i = first; i < last;) {
      std::size_t end = i;
      while (end < last && dirty_[end].signature == dirty_[i].signature) ++end;
      if (clean > 0 && dirty_[i].signature == kept_[c]) {
        clean += end - i;
      } else {
        groups_.push_back({i, end, 0});
      }
      i = end;
    }
    std::size_t best_size = clean;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const std::size_t size = groups_[g].last - groups_[g].first;
      if (size <= best_size) continue;
      best = g;
      best_size = size;
    }
    for (Group& g : groups_) g.name = carve(c, g);
    if (best != none) {  // what is left of the class takes the best group's name, and it theirs
      const std::uint32_t other = groups_[best].name;
      std::swap(start_[c], start_[other]);
      std::swap(size_[c], size_[other]);
      std::swap(kept_[c], kept_[other]);
    }
    for (const Group& g : groups_) {
      for (std::uint32_t i = 0; i < size_[g.name]; ++i)
        changes_.push_back({element_[start_[g.name] + i], g.name});
    }
  }

  /// Moves a group to the end of its class and makes it a class of its own.
  std::uint32_t carve(std::uint32_t c, const Group& group) {
    for (std::size_t i = group.first; i < group.last; ++i) {
      const std::uint32_t node = dirty_[i].node;
      const std::uint32_t end = start_[c] + --size_[c];
      const std::uint32_t moved = element_[end];
      std::swap(element_[place_[node]], element_[end]);
      std::swap(place_[node], place_[moved]);
    }
    start_.push_back(start_[c] + size_[c]);
    size_.push_back(static_cast<std::uint32_t>(group.last - group.first));
    kept_.push_back(dirty_[group.first].signature);
    return static_cast<std::uint32_t>(size_.size() - 1);
  }

  void recolour() {
    for (const Change& change : changes_) {
      const std::uint32_t from = colour_[change.node];
      colour_[change.node] = change.to;
      for (std::uint32_t i = graph_.begin[change.node]; i < graph_.begin[change.node + 1]; ++i) {
        const std::uint32_t seer = graph_.seer[i];
        signature_[seer].remove(signature_of(from, graph_.label[i], seed_));
        signature_[seer].add(signature_of(change.to, graph_.label[i], seed_));
        if (dirty_mark_[seer] != 0) continue;
        dirty_mark_[seer] = 1;
        dirty_.push_back({0, {}, seer});
      }
    }
    for (Dirty& d : dirty_) d.colour = colour_[d.node];
    changes_.clear();
  }

  const SightGraph& graph_;
  std::span<std::uint32_t> colour_;
  std::uint64_t seed_;
  std::vector<Signature> signature_;  ///< of each node, under the colours of now
  std::vector<char> dirty_mark_;
  std::vector<Dirty> dirty_;
  std::vector<std::uint32_t> element_;  ///< nodes, class by class
  std::vector<std::uint32_t> place_;    ///< of each node in element_
  std::vector<std::uint32_t> start_;    ///< of each class in element_
  std::vector<std::uint32_t> size_;     ///< of each class
  std::vector<Signature> kept_;         ///< what the members of a class that are not dirty see
  std::vector<Group> groups_;
  std::vector<Change> changes_;
};

/// Compares what every node sees, arc by arc, with what the first of its class sees.
bool is_stable(const SightGraph& graph, std::span<const std::uint32_t> colour,
               std::uint32_t classes) {
  std::vector<std::uint32_t> begin(colour.size() + 1, 0);
  for (const std::uint32_t s : graph.seer) ++begin[s + 1];
  for (std::size_t u = 0; u < colour.size(); ++u) begin[u + 1] += begin[u];
  std::vector<std::uint32_t> at(begin.begin(), begin.end() - 1);
  std::vector<std::uint64_t> seen(graph.seer.size());
  for (std::uint32_t u = 0; u < colour.size(); ++u) {
    for (std::uint32_t i = graph.begin[u]; i < graph.begin[u + 1]; ++i)
      seen[at[graph.seer[i]]++] = (static_cast<std::uint64_t>(colour[u]) << 32) | graph.label[i];
  }
  std::vector<std::uint32_t> first(classes, none);
  for (std::uint32_t u = 0; u < colour.size(); ++u) {
    const auto row = std::span(seen).subspan(begin[u], begin[u + 1] - begin[u]);
    std::sort(row.begin(), row.end());
    std::uint32_t& f = first[colour[u]];
    if (f == none) f = u;
    const auto model = std::span(seen).subspan(begin[f], begin[f + 1] - begin[f]);
    if (!std::equal(row.begin(), row.end(), model.begin(), model.end())) return false;
  }
  return true;
}

}  // namespace

std::uint32_t refine(const SightGraph& graph, std::span<std::uint32_t> colour) {
  TR_CHECK(colour.size() == graph.nodes(), colour.size(), graph.nodes());
  TR_CHECK(graph.seer.size() == graph.label.size(), graph.seer.size(), graph.label.size());
  if (colour.empty()) return 0;
  const std::vector<std::uint32_t> start(colour.begin(), colour.end());
  std::uint64_t seed = 0x51ed270b27a4b7d3ULL;
  for (int attempt = 0;; ++attempt, seed = scramble(seed)) {
    TR_CHECK(attempt < 8, attempt);  // not chance any more
    Refiner(graph, colour, seed).run();
    const std::uint32_t classes = renumber(colour);
    if (is_stable(graph, colour, classes)) return classes;
    std::copy(start.begin(), start.end(), colour.begin());
  }
}

}  // namespace tightrope::netsim
