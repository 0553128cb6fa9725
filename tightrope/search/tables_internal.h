// What searches of one context share, whatever the number of ranks: costs of blocks by their key
// and layouts of stages.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tightrope/search/search.h"

namespace tightrope::search::search_internal {

using Layout = std::vector<step::StageLayers>;

/// Every way to cut the layers into a number of stages.
struct Stages {
  struct Cut {
    int chunks = 1;
    std::optional<Layout> layout;  ///< nullopt: some place would be empty
  };
  std::vector<Cut> cuts;
  int fewest_layers = 0;  ///< on any stage of any cut
};

/// What one micro-batch takes at least of a mean stage, whatever the stages' cut and schedule.
struct LeastTimes {
  Seconds whole{};          ///< of the model, one micro-batch, recompute of whole layers left out
  Seconds layer_compute{};  ///< kernels of the lightest layer
};

struct Block {
  step::BlockCosts costs;
  LeastTimes least;
};

class Tables {
 public:
  Tables(const step::Context& context, const Space& space) : c_(context), space_(space) {}

  /// References stay valid: blocks are never moved.
  [[nodiscard]] const Block& block(const step::Mapping& mapping);
  [[nodiscard]] const Stages& stages(int pp);

 private:
  using Key = std::array<std::uint32_t, 7>;
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  [[nodiscard]] static Key key_of(const step::CostKey& key);
  [[nodiscard]] LeastTimes least_times(const step::BlockCosts& costs) const;
  [[nodiscard]] std::vector<int> chunk_choices(int pp) const;

  const step::Context& c_;
  const Space& space_;
  std::unordered_map<Key, Block, Hash> blocks_;  // looked up, never walked
  std::map<int, Stages> stages_;
};

}  // namespace tightrope::search::search_internal
