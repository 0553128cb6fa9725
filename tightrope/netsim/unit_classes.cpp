#include "tightrope/netsim/unit_classes.h"

#include <algorithm>
#include <unordered_map>

#include "tightrope/core/check.h"
#include "tightrope/core/mix.h"

namespace tightrope::netsim {
namespace {

using Colour = std::uint64_t;

constexpr Colour join(Colour seed, Colour next) { return mix_bits(seed ^ mix_bits(next)); }

class Refinement {
 public:
  explicit Refinement(const ClassRequest& r)
      : r_(r), m_(*r.machine), layout_(*r.layout), seats_(*r.seating) {
    unit_.resize(static_cast<std::size_t>(m_.units));
    island_.assign(static_cast<std::size_t>(layout_.islands()), 0);
    chips_ = m_.unit.chips();
    both_.assign(r.parts.begin(), r.parts.end());
    both_.insert(both_.end(), r.joint.begin(), r.joint.end());
    island_of_.resize(static_cast<std::size_t>(layout_.ranks()));
    for (int rank = 0; rank < layout_.ranks(); ++rank) {
      island_of_[static_cast<std::size_t>(rank)] = layout_.island(rank);
    }
    list_crossing_parts();
  }

  UnitClasses run() {
    begin();
    std::size_t before = 0;
    int rounds = 0;
    while (true) {
      colour_islands();
      colour_groups();
      const std::size_t now = recolour();
      ++rounds;
      if (now == before || rounds == most_rounds) break;
      before = now;
    }
    colour_islands();
    UnitClasses out = number();
    out.rounds = rounds;
    return out;
  }

 private:
  static constexpr int most_rounds = 64;

  int unit_of(int rank) const {
    return seats_.chip_of_rank[static_cast<std::size_t>(rank)] / chips_;
  }
  int local_of(int rank) const {
    return seats_.chip_of_rank[static_cast<std::size_t>(rank)] % chips_;
  }

  template <class Visit>
  void each_rank(int unit, Visit visit) const {
    for (int c = unit * chips_; c < (unit + 1) * chips_; ++c) {
      for (int i = seats_.first_rank[static_cast<std::size_t>(c)];
           i < seats_.first_rank[static_cast<std::size_t>(c) + 1]; ++i) {
        visit(seats_.ranks[static_cast<std::size_t>(i)], c - unit * chips_);
      }
    }
  }

  // Parts with groups that leave a unit; what the others find follows from the unit itself.
  void list_crossing_parts() {
    // Ranks in a row on chips in a row: a block of them that divides a unit's ranks lies in one.
    bool dense = true;
    for (int rank = 0; rank < layout_.ranks() && dense; ++rank) {
      dense = seats_.chip_of_rank[static_cast<std::size_t>(rank)] == rank / m_.ranks_per_chip;
    }
    std::vector<int> members;
    for (const Layout::Part& part : r_.parts) {
      bool crosses = !dense || chips_ * m_.ranks_per_chip % layout_.block(part) != 0;
      if (crosses) {
        crosses = false;
        for (int rank = 0; rank < layout_.ranks() && !crosses; ++rank) {
          layout_.group(rank, part, members);
          crosses = std::any_of(members.begin(), members.end(),
                                [&](int m) { return unit_of(m) != unit_of(rank); });
        }
      }
      if (crosses) crossing_.push_back(part);
    }
    group_.resize(crossing_.size());
  }

  // Own places in stage and island, own faults.
  void begin() {
    for (int u = 0; u < m_.units; ++u) {
      Colour c = r_.merge ? 0 : mix_bits(static_cast<Colour>(u) + 1);
      if (!r_.marks.empty()) c = join(c, r_.marks[static_cast<std::size_t>(u)]);
      int island = -1;
      Colour places = 0;  // of the unit's islands, in the order in which they appear
      each_rank(u, [&](int rank, int local) {
        const int i = island_of_[static_cast<std::size_t>(rank)];
        places += i != island ? 1 : 0;
        island = i;
        const Colour at = static_cast<Colour>(layout_.place_in_island(rank));
        c = join(c, at << 32 ^ static_cast<Colour>(local) << 16 ^ places);
      });
      unit_[static_cast<std::size_t>(u)] = c;
    }
  }

  // What each island holds of each unit, in the order of its ranks.
  void colour_islands() {
    std::fill(island_.begin(), island_.end(), 0);
    std::vector<int> last(island_.size(), -1);
    for (int rank = 0; rank < layout_.ranks(); ++rank) {
      const auto i = static_cast<std::size_t>(island_of_[static_cast<std::size_t>(rank)]);
      const int unit = unit_of(rank);
      if (unit == last[i]) continue;
      last[i] = unit;
      island_[i] = join(island_[i], join(unit_[static_cast<std::size_t>(unit)],
                                         static_cast<Colour>(local_of(rank))));
    }
    if (r_.merge) return;
    for (std::size_t i = 0; i < island_.size(); ++i) island_[i] = join(island_[i], i + 1);
  }

  // The colour of every group that leaves a unit: what it finds in each of its units, in any order.
  void colour_groups() {
    std::vector<int> members;
    for (std::size_t p = 0; p < crossing_.size(); ++p) {
      std::vector<Colour>& colours = group_[p];
      colours.assign(static_cast<std::size_t>(layout_.ranks()), 0);
      for (int rank = 0; rank < layout_.ranks(); ++rank) {
        if (colours[static_cast<std::size_t>(rank)] != 0) continue;
        layout_.group(rank, crossing_[p], members);
        const Colour c = members.size() < 2 ? 1 : group_colour(members) | 1;
        for (const int m : members) colours[static_cast<std::size_t>(m)] = c;
      }
    }
  }

  Colour group_colour(const std::vector<int>& members) const {
    Colour sum = 0;
    std::size_t i = 0;
    while (i < members.size()) {
      const int unit = unit_of(members[i]);
      Colour run = unit_[static_cast<std::size_t>(unit)];
      for (; i < members.size() && unit_of(members[i]) == unit; ++i) {
        run = join(run, static_cast<Colour>(local_of(members[i])));
      }
      sum += mix_bits(run);
    }
    return sum;
  }

  std::size_t recolour() {
    std::vector<Colour> next(unit_.size());
    std::vector<Colour> leaf;
    if (r_.outer_matters) leaf = leaf_colours();
    for (int u = 0; u < m_.units; ++u) {
      Colour c = unit_[static_cast<std::size_t>(u)];
      int island = -1;
      each_rank(u, [&](int rank, int local) {
        // Where in its island a rank stands, its first colour says; with the island's colour that
        // also tells its neighbours in the pipeline.
        const int i = island_of_[static_cast<std::size_t>(rank)];
        if (i != island) c = join(c, island_[static_cast<std::size_t>(i)]);
        island = i;
        for (const std::vector<Colour>& g : group_) c = join(c, g[static_cast<std::size_t>(rank)]);
        if (r_.outer_matters) c = join(c, outer_colour(u, local, rank, leaf));
      });
      next[static_cast<std::size_t>(u)] = c;
    }
    unit_ = std::move(next);
    std::vector<Colour> sorted = unit_;
    std::sort(sorted.begin(), sorted.end());
    return static_cast<std::size_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
  }

  // What shares a leaf: its units' colours.
  std::vector<Colour> leaf_colours() const {
    std::vector<Colour> leaf(static_cast<std::size_t>(m_.outer.leaves()), 0);
    for (int u = 0; u < m_.units; ++u) {
      for (int c = 0; c < chips_; ++c) {
        Colour& l = leaf[static_cast<std::size_t>(topology::leaf_of(m_, u, c))];
        l += mix_bits(join(unit_[static_cast<std::size_t>(u)], static_cast<Colour>(c)));
      }
    }
    return leaf;
  }

  // The leaf, and whether the neighbours in each ring lie beyond leaf, pod and site.
  Colour outer_colour(int unit, int local, int rank, const std::vector<Colour>& leaf) const {
    Colour c = leaf[static_cast<std::size_t>(topology::leaf_of(m_, unit, local))];
    std::vector<int> members;
    for (const auto& part : both_) {
      layout_.group(rank, part, members);
      const auto at = std::find(members.begin(), members.end(), rank) - members.begin();
      const auto n = static_cast<std::ptrdiff_t>(members.size());
      c = join(c, apart(rank, members[static_cast<std::size_t>((at + 1) % n)]));
      c = join(c, apart(rank, members[static_cast<std::size_t>((at + n - 1) % n)]));
      if (part.over != Dimension::ep) continue;
      for (const int other : members) c += apart(rank, other);
    }
    return c;
  }

  Colour apart(int a, int b) const {
    const int ua = unit_of(a), ub = unit_of(b), la = local_of(a), lb = local_of(b);
    if (ua == ub) return 1;
    if (topology::leaf_of(m_, ua, la) == topology::leaf_of(m_, ub, lb)) return 2;
    if (topology::pod_of(m_, ua, la) == topology::pod_of(m_, ub, lb)) return 3;
    return topology::site_of(m_, ua, la) == topology::site_of(m_, ub, lb) ? 4 : 5;
  }

  // Classes in the order of their first member.
  UnitClasses number() const {
    UnitClasses out;
    auto classes = [](const std::vector<Colour>& colours, std::vector<int>& of,
                      std::vector<int>& first, std::vector<long>& count) {
      std::unordered_map<Colour, int> ids;
      of.resize(colours.size());
      for (std::size_t i = 0; i < colours.size(); ++i) {
        const auto [it, fresh] = ids.emplace(colours[i], static_cast<int>(first.size()));
        if (fresh) {
          first.push_back(static_cast<int>(i));
          count.push_back(0);
        }
        of[i] = it->second;
        ++count[static_cast<std::size_t>(it->second)];
      }
    };
    classes(unit_, out.class_of_unit, out.unit_of_class, out.units);
    classes(island_, out.class_of_island, out.island_of_class, out.islands);
    return out;
  }

  const ClassRequest& r_;
  const topology::Machine& m_;
  const Layout& layout_;
  const Seating& seats_;
  int chips_ = 1;
  std::vector<Layout::Part> both_;
  std::vector<Layout::Part> crossing_;
  std::vector<int> island_of_;
  std::vector<Colour> unit_, island_;
  std::vector<std::vector<Colour>> group_;  ///< by crossing part, then rank
};

}  // namespace

Seating seat(const topology::Machine& machine, std::vector<int> chip_of_rank) {
  Seating out;
  const std::size_t chips = static_cast<std::size_t>(machine.chips());
  out.first_rank.assign(chips + 1, 0);
  for (const int chip : chip_of_rank) {
    TR_CHECK(chip >= 0 && chip < machine.chips(), chip, machine.chips());
    ++out.first_rank[static_cast<std::size_t>(chip) + 1];
  }
  for (std::size_t c = 0; c < chips; ++c) {
    TR_CHECK(out.first_rank[c + 1] <= machine.ranks_per_chip, out.first_rank[c + 1]);
    out.first_rank[c + 1] += out.first_rank[c];
  }
  out.ranks.resize(chip_of_rank.size());
  std::vector<int> next(out.first_rank.begin(), out.first_rank.end() - 1);
  for (std::size_t rank = 0; rank < chip_of_rank.size(); ++rank) {
    out.ranks[static_cast<std::size_t>(next[static_cast<std::size_t>(chip_of_rank[rank])]++)] =
        static_cast<int>(rank);
  }
  out.chip_of_rank = std::move(chip_of_rank);
  return out;
}

UnitClasses classify(const ClassRequest& request) { return Refinement(request).run(); }

}  // namespace tightrope::netsim
