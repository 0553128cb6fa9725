// The shapes that ASTRA-sim's analytical back end has, run on Tightrope's flows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::bench {

enum class Wiring { ring, star };                 ///< a link to the next, or a link to a switch
enum class Algorithm { ring, halving_doubling };  ///< in each dimension

/// One dimension of a network: groups of `size` devices, each wired alike.
struct Dimension {
  Wiring wiring = Wiring::ring;
  std::uint32_t size = 0;
  double gib_per_s = 0.0;  ///< of a link; ASTRA-sim's "GB/s" is 2^30 bytes
  Seconds latency;         ///< of a link; a switch is two links away
};

struct AstraCase {
  std::string name;
  std::vector<Dimension> dimensions;
  Algorithm algorithm = Algorithm::ring;
  double simulated_ms = 0.0;  ///< by ASTRA-sim, congestion-unaware (docs/netsim_mathematics.md)
  double seconds = 0.0;       ///< of CPU that it took
};

/// All-reduces of 1 GiB in 4 chunks.
std::vector<AstraCase> astra_cases();

/// The same all-reduce on our network: every message a flow on its links, every device of its own,
/// reduced by symmetry; the chunks go through the dimensions in turn.
Seconds all_reduce_time(const AstraCase& c);

/// What ASTRA-sim's congestion-unaware back end adds up for it, in closed form.
Seconds astra_closed_form(const AstraCase& c);

/// A direct all-to-all of 1 GiB over a switch, all flows at once and max-min fair.
Seconds all_to_all_time(std::uint32_t devices);

}  // namespace tightrope::bench
