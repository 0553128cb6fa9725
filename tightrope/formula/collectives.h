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
  BytesPerSecond bandwidth{};     ///< nameplate
  double share = 0.8;             ///< of the nameplate that large rings of many ranks reach
  double pair_loss = 0.0;         ///< rings of n ranks reach share * (1 - pair_loss / n)
  double all_to_all_share = 0.7;  ///< of the nameplate that large exchanges of many ranks reach
  double peer_loss = 0.0;         ///< exchanges of n ranks reach that times (1 - peer_loss / n)
  double send_share = 0.8;        ///< of the nameplate that one large message between two reaches
  Seconds latency{};              ///< fixed time of one ring or tree
  Seconds peer_latency{};         ///< fixed time of one all-to-all or send
  Seconds step_latency{};         ///< each further hop of the algorithm's ring or tree
  Bytes half_size{};              ///< size at which half the bandwidth is reached
  Seconds bulk_latency{};         ///< set-up of the protocol that reaches `share`
  double low_share = 0.0;         ///< of the nameplate: protocols without that set-up; 0: none
  bool in_network_reduction = false;  ///< NVLink SHARP: all-reduce moves the size once
  double in_network_share = 0.8;
  Bytes in_network_half{};   ///< half_size of in-network reductions
  double tree_share = 0.85;  ///< speed of trees over three and more domains, against rings
  int lanes = 0;             ///< NICs of one domain that one ring drives; 0: one a rank
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
/// Formula: n ranks, p a domain, q = n/p domains, l = min(p, lanes) NICs in use. A tier's time is
///   the less of bytes / (bandwidth * low_share) and bulk_latency + bytes (1 + half/(S + half)) /
///   (bandwidth * share), both over the links that lead to the members, with bytes by route:
///   ring gather or scatter: (n-1)/n S scale-up, (n-1)/n S/l NIC, n-1 hops, q of them over NICs
///   all-reduce: the best of a ring (twice the above), of a reduction in the switch ((p+1)/p S)
///     where q <= 2, and of a tree (2 (p-1)/p S scale-up, 2 (q-1)/q S/l NIC, 2 log2 q NIC hops)
///   all-to-all: (p-1)/n S scale-up, (n-p)/n S NIC;  send: S over the tier that joins the two
///   all-to-all and send know no low-latency protocol and take peer_latency
///   The tiers' bandwidth terms overlap by chunking (max; in a tree, and a tenth of the other),
///   latencies add.
/// Source: Thakur et al. 2005 (alpha-beta costs); NVLink SHARP moves (p+1)/p S; fitted on
///   nccl-tests tables.
/// Valid: size >= 0; a group of one rank, or no bytes, takes no time. Without a link between the
///   ranks (bandwidth 0) the time is infinite.
/// Checked by: Collectives.Laws
[[nodiscard]] CollectiveTime collective(const CollectiveCall& call,
                                        const FabricModel& model) noexcept;

}  // namespace tightrope::formula
