// Time of one phase of an expert exchange: tokens go to the ranks of their experts and come back.
#pragma once

#include "tightrope/core/units.h"

namespace tightrope::formula {

/// One phase (prepare, dispatch or combine) as one rank sees it.
struct ExchangeCall {
  double tokens = 0.0;          ///< of this rank
  int experts_per_token = 1;    ///< routed ones
  int experts = 1;              ///< of the layer, spread evenly over the ranks
  int ranks = 1;                ///< of the exchange, all in one scale-up domain
  Bytes copy{};                 ///< one copy of one token, scales and headers included
  bool copy_an_expert = false;  ///< low latency: a copy to each expert, else to each rank of one
  int compute_units = 0;        ///< that the kernel was given; 0: it takes what it wants
  BytesPerSecond bandwidth{};   ///< nameplate of the scale-up link, per rank and direction
};

/// What a kind of kernel over a kind of link was fitted to (calibration/network.toml).
struct ExchangeCoefficients {
  Seconds latency{};           ///< launch, counters and barriers
  Seconds expert_latency{};    ///< for each expert of a rank: its counter
  BytesPerSecond copy_rate{};  ///< own copies included; of one compute unit where a call names some
  Seconds token{};             ///< handling of a token, by one compute unit where a call names some
  Seconds message{};           ///< handling of a copy, likewise
  double share = 0.7;          ///< of the link's nameplate that large exchanges reach
};

struct ExchangeTime {
  Seconds time{}, latency{};
  Seconds copying{};  ///< compute units at work
  Seconds wire{};     ///< the link at work
  Bytes traffic{};    ///< copies that leave, per rank, those to itself included
};

/// What: time of one phase of an expert exchange inside a scale-up domain.
/// Formula: B = tokens copies copy; copies = experts_per_token where each expert gets one, else
///   places_of_token; copying = (B / copy_rate + tokens (token + copies message)) / units; wire =
///   B (n-1)/n / (bandwidth share); t = latency + expert_latency experts/n +
///   (copying^4 + wire^4)^(1/4)
/// Source: DeepEP's normal and low-latency kernels, TensorRT-LLM's all-to-all; fitted on their
///   tables (kernels/expert_alltoall.csv).
/// Valid: all >= 0, ranks, experts >= 1; no tokens take the latency. Even routing; without a link
///   (bandwidth 0) between two and more ranks the time is infinite.
/// Checked by: Exchange.Laws
[[nodiscard]] ExchangeTime exchange(const ExchangeCall& call,
                                    const ExchangeCoefficients& fitted) noexcept;

}  // namespace tightrope::formula
