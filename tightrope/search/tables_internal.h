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

/// The list where its option has something to act on, else what stands for no choice.
template <class T>
const std::vector<T>& when(bool condition, const std::vector<T>& list,
                           const std::vector<T>& otherwise) {
  return condition ? list : otherwise;
}

/// Every way to cut the layers into a number of stages.
struct Stages {
  struct Cut {
    int chunks = 1, first = 0, last = 0;  ///< as Mapping's
    std::optional<Layout> layout;         ///< nullopt: some place would be empty
    int fewest_layers = 0;                ///< on any stage
  };
  std::vector<Cut> cuts;
  int fewest_layers = 0;  ///< on any stage of any cut
  /// Cuts with a layout, and without, of one chunk a stage and of several.
  std::uint64_t plain = 0, plain_empty = 0, interleaved = 0, interleaved_empty = 0;
  std::vector<int> recompute_layers;  ///< to choose from when whole layers recompute; 0 for all
};

/// What one micro-batch takes of the parts of the model with every host in time: bounds below a
/// step, quick to add up.
struct BareTimes {
  struct Part {
    Seconds total{}, forward{};
  };
  std::vector<Part> kinds;  ///< whole layers not recomputed
  Part embedding, head;     ///< head: with the prediction modules
  Seconds layer_again{};    ///< the least that recomputing one whole layer adds
  Seconds layer_compute{};  ///< kernels of the lightest layer
  Seconds whole{};          ///< the model
};

struct Block {
  step::BlockCosts costs;
  BareTimes bare;
};

/// A bound below the pipeline of a mapping whose stages are cut as `layout`: pipeline_bound without
/// messages and host time. `recompute_layers` a stage recompute, 0 for all, when whole layers do.
[[nodiscard]] Seconds bare_pipeline(const Block& block, const Layout& layout,
                                    const step::Mapping& mapping, long micro_batches);

class Tables {
 public:
  Tables(const step::Context& context, const Space& space) : c_(context), space_(space) {}

  /// References stay valid: blocks are never moved.
  [[nodiscard]] const Block& block(const step::Mapping& mapping);
  [[nodiscard]] const Stages& stages(int pp);

 private:
  using Key = std::array<std::uint32_t, 9>;
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  [[nodiscard]] static Key key_of(const step::CostKey& key);
  [[nodiscard]] BareTimes bare_times(const step::BlockCosts& costs, bool whole_layers) const;
  [[nodiscard]] std::vector<int> chunk_choices(int pp) const;
  void add_hand_set(int pp, std::vector<Stages::Cut>& cuts) const;
  void sum_up(int pp, Stages& stages) const;

  const step::Context& c_;
  const Space& space_;
  std::unordered_map<Key, Block, Hash> blocks_;  // looked up, never walked
  std::map<int, Stages> stages_;
};

}  // namespace tightrope::search::search_internal
