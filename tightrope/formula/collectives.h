// Time of one collective over a group of ranks on a fabric.
#pragma once

#include <string_view>

#include "tightrope/core/units.h"
#include "tightrope/topology/fabric.h"

namespace tightrope::formula {

enum class Collective { all_reduce, all_gather, reduce_scatter, all_to_all, send_recv };
[[nodiscard]] std::string_view to_string(Collective kind);

/// One kind of link with its fitted coefficients, per rank and direction.
struct LinkModel {
  BytesPerSecond bandwidth{};   ///< nameplate
  double share = 0.8;           ///< of the nameplate that large ring-like collectives reach
  double all_to_all_share = 0.7;
  double send_share = 0.8;      ///< of the nameplate that one large message between two reaches
  Seconds latency{};            ///< fixed time of one collective
  Seconds step_latency{};       ///< each further step (log2 or ring) of the algorithm
  Bytes half_size{};            ///< size at which half the bandwidth is reached
  bool in_network_reduction = false;  ///< NVLink SHARP: all-reduce moves the size once
  double in_network_share = 0.8;
};

/// The links of a system with coefficients (calibration/kernels.toml).
struct FabricModel {
  topology::Fabric fabric;
  LinkModel scaleup, scaleout;
};

struct CollectiveTime {
  Seconds time{}, latency{}, scaleup{}, scaleout{};
  Bytes scaleup_traffic{}, scaleout_traffic{};  ///< sent per rank
};

/// `size`: bytes of the FULL tensor a rank holds after an all-gather / before a reduce-scatter, of
/// the buffer of an all-reduce, of what one rank sends in all in an all-to-all (its own share
/// included), of the message for send_recv.
struct CollectiveCall {
  Collective kind = Collective::all_reduce;
  Bytes size{};
  topology::Group group;
};

/// What: time of one collective, hierarchical across the scale-up domain and the NICs.
/// Formula: n ranks, p a domain, q = n/p domains. A tier's time is bytes / (bandwidth * share):
///   gather, scatter: (p-1)/p S scale-up, (n-1)/n S/p NIC (ring) when q > 1
///   all-reduce: twice (p-1)/p S scale-up, or (p+1)/p S in-network where that is faster;
///     2 (q-1)/q S/p NIC
///   all-to-all: (p-1)/n S scale-up, (n-p)/n S NIC;  send: S over the tier that joins the two
///   The tiers' bandwidth terms overlap by chunking (max), latencies add.
/// Source: Thakur et al. 2005 (alpha-beta costs); NVLink SHARP moves (p+1)/p S; fitted on
///   nccl-tests tables.
/// Valid: size >= 0; a group of one rank, or no bytes, takes no time. Without a link between the
///   ranks (bandwidth 0) the time is infinite.
/// Checked by: Collectives.Laws
[[nodiscard]] CollectiveTime collective(const CollectiveCall& call,
                                        const FabricModel& model) noexcept;

}  // namespace tightrope::formula
