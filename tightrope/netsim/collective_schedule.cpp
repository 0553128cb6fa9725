#include "tightrope/netsim/collective_schedule.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/netsim/collective_schedule_internal.h"
#include "tightrope/topology/placement.h"

namespace tightrope::netsim {

using namespace schedule_internal;

namespace {

constexpr std::array<std::string_view, collective_kinds> kind_words = {
    "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "send_recv"};
constexpr std::array<std::string_view, algorithms> algorithm_words = {
    "ring",  "tree",         "halving_doubling", "direct",
    "torus", "hierarchical", "in_network",       "rail_aligned"};

constexpr int most_channels = 64;

template <class Enum, std::size_t N>
Result<Enum> read_word(const std::array<std::string_view, N>& words, std::string_view text,
                       const char* what) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == text) return static_cast<Enum>(i);
  }
  return fail(ErrorCode::syntax, fmt::format("unknown {} \"{}\"", what, text), {},
              fmt::format("one of {}", fmt::join(words, ", ")));
}

Schedule no(std::string reason) { return {std::move(reason), {}}; }

bool scatters_or_gathers(CollectiveKind kind) {
  return kind == CollectiveKind::all_reduce || kind == CollectiveKind::all_gather ||
         kind == CollectiveKind::reduce_scatter;
}

/// One round, or the rounds of a ring, of `bytes` to each next or to each other.
Phase phase_of(const Lines& dimension, double bytes) {
  Phase phase;
  for (const std::vector<int>& line : dimension.lines) {
    const int n = static_cast<int>(line.size());
    for (int i = 0; i < n; ++i) {
      const int from = line[static_cast<std::size_t>(i)];
      if (!dimension.exchange) {
        phase.messages.push_back(
            {from, line[static_cast<std::size_t>((i + 1) % n)], bytes, 0, n - 1});
        continue;
      }
      for (int j = 1; j < n; ++j)
        phase.messages.push_back({from, line[static_cast<std::size_t>((i + j) % n)], bytes, 0, 1});
    }
  }
  phase.hops = dimension.exchange ? 1.0 : dimension.length() - 1.0;
  phase.passes_on = !dimension.exchange;
  return phase;
}

/// An exchange dimension by dimension: what is meant for a line's other members goes there first.
Lane exchange_over(const Grid& grid, double bytes) {
  Lane lane;
  for (const Lines& dimension : grid) {
    if (dimension.length() > 1.0)
      lane.phases.push_back(phase_of(dimension, bytes / dimension.length()));
  }
  return lane;
}

/// Channel c enters every unit at member c; units run forwards and backwards in turn, so that the
/// messages between two units stay on one rail.
std::vector<std::vector<int>> ring_channels(const Call& call) {
  const UnitGroups& g = call.groups;
  const std::vector<int> first = walked(call, g.members.front());
  const int p = static_cast<int>(first.size());
  const topology::UnitShape shape = call.machine.unit.spec().shape;
  std::vector<std::vector<int>> rings;
  if (g.units() == 1) {
    rings.push_back(first);
    if (shape == topology::UnitShape::torus) rings.emplace_back(first.rbegin(), first.rend());
    for (int step = 2; shape == topology::UnitShape::mesh && step < p; ++step) {
      if (std::gcd(step, p) != 1) continue;
      rings.emplace_back();
      for (int i = 0; i < p; ++i)
        rings.back().push_back(first[static_cast<std::size_t>(i * step % p)]);
    }
  } else if (!g.even) {
    rings.emplace_back();
    for (const auto& unit : g.members) {
      const std::vector<int> there = walked(call, unit);
      rings.back().insert(rings.back().end(), there.begin(), there.end());
    }
  } else {
    const bool both_ways = shape == topology::UnitShape::torus;
    for (const int start : chip_starts(call, first)) {
      // On a torus every other channel goes the other way round.
      const int way = both_ways && rings.size() % 2 == 1 ? p - 1 : 1;
      rings.emplace_back();
      for (int u = 0; u < g.units(); ++u) {
        const std::vector<int> there = walked(call, g.members[static_cast<std::size_t>(u)]);
        for (int i = 0; i < p; ++i) {
          const int at = start + way * (u % 2 == 0 ? i : p - 1 - i);
          rings.back().push_back(there[static_cast<std::size_t>(at % p)]);
        }
      }
    }
  }
  const int most = call.spec.channels > 0 ? call.spec.channels : most_channels;
  if (static_cast<int>(rings.size()) > most) rings.resize(static_cast<std::size_t>(most));
  return rings;
}

Schedule ring(const Call& call) {
  if (call.spec.kind == CollectiveKind::broadcast) return chain(call);
  if (!scatters_or_gathers(call.spec.kind)) return no("no ring for exchanges and sends");
  Schedule s;
  const auto rings = ring_channels(call);
  for (const std::vector<int>& members : rings) {
    const double part = call.spec.size.raw() / static_cast<double>(rings.size());
    s.lanes.push_back(over_grid({Lines{{members}, false}}, call.spec.kind, part));
  }
  return s;
}

Schedule halving_doubling(const Call& call) {
  const int n = call.ranks();
  if (!scatters_or_gathers(call.spec.kind)) return no("for reductions and gathers only");
  if (!std::has_single_bit(static_cast<unsigned>(n))) return no("needs a power of two of ranks");
  Grid grid;
  for (int distance = n / 2; distance >= 1; distance /= 2) {
    Lines pairs{{}, true};
    for (int i = 0; i < n; ++i) {
      if ((i & distance) == 0) pairs.lines.push_back({i, i + distance});
    }
    grid.push_back(std::move(pairs));
  }
  return {{}, {over_grid(grid, call.spec.kind, call.spec.size.raw())}};
}

Schedule direct(const Call& call) {
  const int n = call.ranks();
  const double bytes = call.spec.size.raw();
  if (call.spec.kind == CollectiveKind::send_recv) {
    return {{}, {Lane{{Phase{{Message{0, n - 1, bytes, 0, 1}}, 1.0, false, false}}}}};
  }
  std::vector<int> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  if (call.spec.kind == CollectiveKind::broadcast) {
    Lane lane{{Phase{}}};
    for (int i = 1; i < n; ++i) lane.phases[0].messages.push_back({0, i, bytes, 0, 1});
    return {{}, {lane}};
  }
  const Grid grid{Lines{{all}, true}};
  if (call.spec.kind == CollectiveKind::all_to_all) return {{}, {exchange_over(grid, bytes)}};
  return {{}, {over_grid(grid, call.spec.kind, bytes)}};
}

/// Lines along each dimension of a torus unit that the members of every unit fill as a box, after
/// one of the ranks of each chip; empty when they are no box.
Grid torus_grid(const Call& call) {
  std::vector<Lines> grid(4);
  for (const std::vector<int>& unit : call.groups.members) {
    std::array<std::vector<int>, 3> at;
    std::vector<std::pair<std::array<int, 4>, int>> places;  // x, y, z, place in the chip
    for (const int m : unit) {
      const auto xyz = call.machine.unit.position(call.chip_in_unit(m));
      int same = 0;
      for (const auto& [other, who] : places)
        same += other[0] == xyz[0] && other[1] == xyz[1] && other[2] == xyz[2];
      places.push_back({{xyz[0], xyz[1], xyz[2], same}, m});
    }
    for (std::size_t d = 0; d < 4; ++d) {
      // Members that differ in this coordinate only, in its order.
      std::sort(places.begin(), places.end(), [d](const auto& a, const auto& b) {
        std::array<int, 4> ka = a.first, kb = b.first;
        std::rotate(ka.begin() + static_cast<int>(d), ka.begin() + static_cast<int>(d) + 1,
                    ka.end());
        std::rotate(kb.begin() + static_cast<int>(d), kb.begin() + static_cast<int>(d) + 1,
                    kb.end());
        return ka < kb;
      });
      auto rest = [d](std::array<int, 4> key) {
        key[d] = 0;
        return key;
      };
      for (std::size_t i = 0; i < places.size(); ++i) {
        if (i == 0 || rest(places[i].first) != rest(places[i - 1].first))
          grid[d].lines.emplace_back();
        grid[d].lines.back().push_back(places[i].second);
      }
    }
  }
  std::rotate(grid.begin(), grid.begin() + 3, grid.end());  // ranks of a chip first
  double volume = 1.0;
  for (const Lines& dimension : grid) {
    volume *= dimension.length();
    for (const auto& line : dimension.lines) {
      if (line.size() != dimension.lines.front().size()) return {};
    }
  }
  return volume == static_cast<double>(call.groups.per_unit()) ? grid : Grid{};
}

/// Both ways round, and every dimension first once.
std::vector<Grid> torus_turns(const Grid& grid) {
  Grid used;
  for (std::size_t d = 1; d < 4; ++d) {
    if (grid[d].length() > 1.0) used.push_back(grid[d]);
  }
  std::vector<Grid> turns;
  for (std::size_t first = 0; first < std::max<std::size_t>(1, used.size()); ++first) {
    for (const bool back : {false, true}) {
      Grid turn;
      if (grid[0].length() > 1.0) turn.push_back(grid[0]);
      for (std::size_t i = 0; i < used.size(); ++i) {
        turn.push_back(used[(first + i) % used.size()]);
        if (!back) continue;
        for (auto& line : turn.back().lines) std::reverse(line.begin(), line.end());
      }
      turns.push_back(std::move(turn));
    }
  }
  return turns;
}

Lines rails(const Call& call) {
  Lines lines;
  for (int i = 0; i < call.groups.per_unit(); ++i) {
    lines.lines.emplace_back();
    for (const auto& unit : call.groups.members)
      lines.lines.back().push_back(unit[static_cast<std::size_t>(i)]);
  }
  return lines;
}

Schedule torus(const Call& call) {
  if (call.machine.unit.spec().shape != topology::UnitShape::torus) return no("units are no torus");
  if (call.groups.units() > 1) return no("for one unit: hierarchical has it inside");
  const Grid grid = torus_grid(call);
  if (grid.empty()) return no("the chips are no box of the torus");
  if (call.spec.kind == CollectiveKind::all_to_all) {
    Grid sets = grid;
    for (Lines& lines : sets) lines.exchange = true;
    return {{}, {exchange_over(sets, call.spec.size.raw())}};
  }
  if (!scatters_or_gathers(call.spec.kind)) return no("not for broadcasts and sends");
  Schedule s;
  const std::vector<Grid> turns = torus_turns(grid);
  for (const Grid& turn : turns) {
    s.lanes.push_back(
        over_grid(turn, call.spec.kind, call.spec.size.raw() / static_cast<double>(turns.size())));
  }
  return s;
}

Schedule hierarchical(const Call& call) {
  const UnitGroups& g = call.groups;
  if (g.units() < 2 || g.per_unit() < 2) return no("needs several units with several ranks each");
  if (!g.even) return no("needs as many ranks in every unit");
  if (call.spec.kind == CollectiveKind::all_to_all) {
    Lines across = rails(call);
    across.exchange = true;
    const Lines inside{g.members, true};
    const bool aligned = call.spec.algorithm == Algorithm::rail_aligned;
    const Grid grid = aligned ? Grid{inside, across} : Grid{across, inside};
    return {{}, {exchange_over(grid, call.spec.size.raw())}};
  }
  if (call.spec.algorithm == Algorithm::rail_aligned) return no("for exchanges only");
  if (!scatters_or_gathers(call.spec.kind)) return no("not for broadcasts and sends");
  std::vector<Grid> turns;
  const topology::UnitShape shape = call.machine.unit.spec().shape;
  if (shape == topology::UnitShape::torus) {
    const Grid grid = torus_grid(call);
    if (!grid.empty()) turns = torus_turns(grid);
  }
  if (turns.empty()) turns.push_back({Lines{g.members, shape == topology::UnitShape::mesh}});
  Schedule s;
  for (Grid& turn : turns) {
    turn.push_back(rails(call));
    s.lanes.push_back(
        over_grid(turn, call.spec.kind, call.spec.size.raw() / static_cast<double>(turns.size())));
  }
  return s;
}

}  // namespace

namespace schedule_internal {

std::vector<int> walked(const Call& call, const std::vector<int>& members) {
  if (call.machine.unit.spec().shape != topology::UnitShape::torus) return members;
  const std::vector<int> walk = topology::walk_of(call.machine.unit, topology::Walk::snake);
  std::vector<int> place(walk.size());
  for (std::size_t i = 0; i < walk.size(); ++i)
    place[static_cast<std::size_t>(walk[i])] = static_cast<int>(i);
  std::vector<int> sorted = members;
  std::stable_sort(sorted.begin(), sorted.end(), [&](int a, int b) {
    return place[static_cast<std::size_t>(call.chip_in_unit(a))] <
           place[static_cast<std::size_t>(call.chip_in_unit(b))];
  });
  return sorted;
}

std::vector<int> chip_starts(const Call& call, const std::vector<int>& members) {
  std::vector<int> starts;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i == 0 || call.chip_in_unit(members[i]) != call.chip_in_unit(members[i - 1]))
      starts.push_back(static_cast<int>(i));
  }
  return starts;
}

Lane over_grid(const Grid& grid, CollectiveKind kind, double bytes) {
  Lane lane;
  double left = bytes;
  std::vector<double> piece;
  for (const Lines& dimension : grid) piece.push_back(left /= dimension.length());
  if (grid.size() == 1 && !grid[0].exchange && kind == CollectiveKind::all_reduce) {
    // Once round to reduce, once more to gather.
    Phase phase = phase_of(grid[0], piece[0]);
    for (Message& m : phase.messages) m.count *= 2;
    phase.hops *= 2.0;
    return {{std::move(phase)}};
  }
  if (kind != CollectiveKind::all_gather) {
    for (std::size_t d = 0; d < grid.size(); ++d) {
      if (grid[d].length() > 1.0) lane.phases.push_back(phase_of(grid[d], piece[d]));
    }
  }
  if (kind != CollectiveKind::reduce_scatter) {
    for (std::size_t d = grid.size(); d-- > 0;) {
      if (grid[d].length() > 1.0) lane.phases.push_back(phase_of(grid[d], piece[d]));
    }
  }
  return lane;
}

}  // namespace schedule_internal

std::string_view to_string(CollectiveKind kind) {
  return kind_words[static_cast<std::size_t>(kind)];
}
std::string_view to_string(Algorithm algorithm) {
  return algorithm_words[static_cast<std::size_t>(algorithm)];
}
Result<CollectiveKind> read_collective_kind(std::string_view text) {
  return read_word<CollectiveKind>(kind_words, text, "collective");
}
Result<Algorithm> read_algorithm(std::string_view text) {
  return read_word<Algorithm>(algorithm_words, text, "algorithm");
}

UnitGroups unit_groups(const topology::Machine& machine, std::span<const int> chips) {
  UnitGroups g;
  std::vector<int> unit_of;  // of each group
  for (std::size_t i = 0; i < chips.size(); ++i) {
    const int unit = chips[i] / machine.unit.chips();
    const bool same = !unit_of.empty() && unit_of.back() == unit;
    const auto found = same ? unit_of.end() - 1 : std::find(unit_of.begin(), unit_of.end(), unit);
    const auto at = static_cast<std::size_t>(found - unit_of.begin());
    if (at == unit_of.size()) {
      unit_of.push_back(unit);
      g.members.emplace_back();
    }
    g.members[at].push_back(static_cast<int>(i));
  }
  for (const auto& members : g.members) g.even = g.even && members.size() == g.members[0].size();
  return g;
}

Schedule schedule_of(const topology::Machine& machine, std::span<const int> chips,
                     const ScheduleSpec& spec) {
  TR_CHECK(!chips.empty() && spec.pieces >= 1, chips.size(), spec.pieces);
  if (chips.size() < 2) return {};
  const Call call{machine, chips, spec, unit_groups(machine, chips)};
  switch (spec.algorithm) {
    case Algorithm::ring: return ring(call);
    case Algorithm::tree: return tree(call);
    case Algorithm::halving_doubling: return halving_doubling(call);
    case Algorithm::direct: return direct(call);
    case Algorithm::torus: return torus(call);
    case Algorithm::hierarchical:
    case Algorithm::rail_aligned: return hierarchical(call);
    case Algorithm::in_network: return in_network(call);
  }
  return {};
}

}  // namespace tightrope::netsim
