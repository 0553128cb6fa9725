// One collective alone on a machine: every algorithm's time, and the one that would be taken.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tightrope/formula/collectives.h"
#include "tightrope/netsim/collective_graph.h"

namespace tightrope::netsim {

/// Whose collectives run: decides which algorithms there are.
enum class Library : std::uint8_t { nccl, neuron, xla };

struct CollectiveQuestion {
  CollectiveKind kind = CollectiveKind::all_reduce;
  Bytes size{};
  Detail detail = Detail::fluid;
  int channels = 0, pieces = 16;
  Library library = Library::nccl;
  const formula::FabricModel* model = nullptr;  ///< fitted shares and latencies; null: ideal wires
  Seconds latency{};                            ///< of a message on ideal wires
  bool reduce = true;                           ///< by symmetry
  double most_flows = 2e6;                      ///< refuse more
};

/// One algorithm's run.
struct CollectiveAnswer {
  Algorithm algorithm = Algorithm::ring;
  std::string reason;  ///< why there is no time; empty: there is
  Seconds time{};
  double flows = 0;
  std::size_t tasks = 0, classes = 0;  ///< before and after the reduction
  topology::LinkKind busiest = topology::LinkKind::mesh;
  double busiest_use = 0;  ///< share of the time that its busiest link carries bytes at full speed
  bool library = false;    ///< the system's library has it for this kind
  [[nodiscard]] bool answered() const { return reason.empty(); }
};

/// What: the terms of formula::collective for an algorithm on a group, as the wires' own.
/// Exchanges and sends pay their fixed time for every message that waits for another; the rest pays
/// one for each tier and a step for each hop.
[[nodiscard]] WireTerms wire_terms(const CollectiveQuestion& question, Algorithm algorithm,
                                   const topology::Machine& machine, std::span<const int> chips);

/// The library of a kind of chip (catalog::Chip::kind): NCCL's for whatever is neither Trainium nor
/// TPU; RCCL has the same algorithms.
[[nodiscard]] Library library_of(std::string_view chip_kind);

/// Whether the question's library has the algorithm for a group over `units` units. NCCL: rings,
/// trees, all-reduces in NVSwitch over two units at most (what was measured), everyone to everyone
/// in a mesh. Neuron: rings, halving and doubling. XLA: rings, tori, hierarchies. Exchanges:
/// direct, with NCCL also along the rails behind a switch. Broadcasts: chains.
[[nodiscard]] bool library_has(const CollectiveQuestion& question, Algorithm algorithm,
                               const topology::Machine& machine, int units);

[[nodiscard]] Schedule schedule_for(const CollectiveQuestion& question, Algorithm algorithm,
                                    const topology::Machine& machine, std::span<const int> chips);

[[nodiscard]] CollectiveAnswer run_collective(const topology::Router& router,
                                              std::span<const int> chips,
                                              const CollectiveQuestion& question,
                                              Algorithm algorithm);

/// All algorithms, in their order.
[[nodiscard]] std::vector<CollectiveAnswer> run_all(const topology::Router& router,
                                                    std::span<const int> chips,
                                                    const CollectiveQuestion& question);

/// The quickest of those that the library has, the first of equals; of all that apply where it has
/// none. None: nothing applies.
[[nodiscard]] std::optional<Algorithm> chosen(std::span<const CollectiveAnswer> answers);

/// Bytes by which algorithm bandwidth turns into bus bandwidth, as nccl-tests count: 2(n-1)/n for
/// an all-reduce, (n-1)/n for gathers, scatters and exchanges, else 1.
[[nodiscard]] double bus_factor(CollectiveKind kind, int ranks);

}  // namespace tightrope::netsim
