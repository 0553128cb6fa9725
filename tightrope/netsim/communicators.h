// Which ranks talk to each other: the digits of a mapping.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/netsim/step_program.h"

namespace tightrope::netsim {

/// Digits of a rank, in the order of the mapping's dimensions.
struct Digits {
  int tp = 0, cp = 0, dp = 0, pp = 0;
};

/// Ranks of a step: tp + TP * (cp + CP * (dp + DP * pp)), as topology::rank_of. Where they stand is
/// the seating's business. ep * etp divides tp * cp * dp: experts are folded into tp, cp and dp,
/// etp innermost, then ep (Megatron-Core's order). All factors >= 1.
class Layout {
 public:
  struct Sizes {
    int tp = 1, cp = 1, dp = 1, pp = 1, ep = 1, etp = 1;
  };
  explicit Layout(const Sizes& sizes);

  [[nodiscard]] const Sizes& sizes() const { return sizes_; }
  [[nodiscard]] int ranks() const { return sizes_.tp * sizes_.cp * sizes_.dp * sizes_.pp; }
  [[nodiscard]] Digits digits(int rank) const;
  [[nodiscard]] int rank(const Digits& digits) const;
  [[nodiscard]] int stage(int rank) const { return rank / (sizes_.tp * sizes_.cp * sizes_.dp); }

  /// Data-parallel indices that expert groups join into one island; islands keep step on their own.
  [[nodiscard]] int island_width() const { return island_width_; }
  [[nodiscard]] int islands() const { return sizes_.dp / island_width_; }
  [[nodiscard]] int island(int rank) const {
    return rank / (sizes_.tp * sizes_.cp) % sizes_.dp / island_width_;
  }

  /// Ranks that a dimension joins in all (dp counts cp: both hold the same parameters).
  [[nodiscard]] int size(Dimension dimension) const;

  /// Part of a dimension: `count` members `stride` apart; count 0: all of it. Shards of HSDP have
  /// stride 1, their replicas the shard's size.
  struct Part {
    Dimension over = Dimension::tp;
    int count = 0, stride = 1;
    friend bool operator==(const Part&, const Part&) = default;
  };
  /// Digits within the island as one number.
  [[nodiscard]] int place_in_island(int rank) const {
    const int replica = sizes_.tp * sizes_.cp;
    return rank % (replica * island_width_) + replica * island_width_ * stage(rank);
  }
  /// A rank's group without listing it.
  struct Ring {
    int first = 0, step = 1;   ///< of the inner index
    int count = 1, index = 0;  ///< members, and the rank's place among them
    int stage = 0;
  };
  [[nodiscard]] Ring ring(int rank, const Part& part) const;
  [[nodiscard]] int member(const Ring& ring, int k) const {
    return from_inner(ring.first + k * ring.step, ring.stage);
  }
  /// Ranks in a row among which every group of the part lies as a whole.
  [[nodiscard]] int block(const Part& part) const;
  /// The members of a rank's group in ring order, itself included. Not for pp.
  void group(int rank, const Part& part, std::vector<int>& out) const;
  /// The rank that another stage runs the same tokens on.
  [[nodiscard]] int at_stage(int rank, int stage) const;

 private:
  [[nodiscard]] int inner(const Digits& d) const {
    return d.tp + sizes_.tp * (d.cp + sizes_.cp * d.dp);
  }
  [[nodiscard]] int step_of(Dimension dimension) const;
  [[nodiscard]] int from_inner(int inner, int pp) const {
    return inner + sizes_.tp * sizes_.cp * sizes_.dp * pp;
  }

  Sizes sizes_;
  int island_width_ = 1;
};

}  // namespace tightrope::netsim
