#include "tightrope/step/stages.h"

#include <algorithm>
#include <cstddef>

#include "tightrope/core/check.h"

namespace tightrope::step {
namespace {

// Layers at each of the stages * chunks places, in layer order.
std::optional<std::vector<int>> place_counts(int layers, const StageRequest& r) {
  const int places = r.stages * r.chunks;
  std::vector<int> counts(places, 0);
  if (r.first_layers > 0 || r.last_layers > 0) {
    if (r.chunks != 1 || r.stages < 2) return std::nullopt;
    int rest = layers, between = places;
    for (const auto& [wished, place] :
         {std::pair{r.first_layers, 0}, std::pair{r.last_layers, places - 1}}) {
      if (wished == 0) continue;
      counts[place] = wished;
      rest -= wished;
      --between;
    }
    if (rest < 0 || (between == 0 ? rest != 0 : rest % between != 0)) return std::nullopt;
    const int share = between == 0 ? 0 : rest / between;
    for (int& n : counts) {
      if (n == 0) n = share;
    }
    return counts;
  }
  const int most = (layers + places - 1) / places;
  int missing = most * places - layers;
  for (int& n : counts) n = most;
  if (r.crowded_end) {
    // Prediction modules and their heads stand at the end too: what is missing is missing there.
    const int off = std::min(missing, most - 1);
    counts.back() -= off;
    missing -= off;
  }
  for (int low = 0, high = places - 1; missing > 0; ++low, --high) {
    --counts[high];
    if (--missing > 0 && low < high) {
      --counts[low];
      --missing;
    }
  }
  for (int i = 1; i + 1 < places; ++i) {
    if (counts[i] == 0) return std::nullopt;
  }
  return counts;
}

}  // namespace

std::optional<std::vector<StageLayers>> spread_layers(const workload::Model& model,
                                                      const StageRequest& request) {
  TR_CHECK(model.kinds.size() <= max_layer_kinds, model.kinds.size());
  StageRequest asked = request;
  asked.crowded_end = model.mtp_layers > 0;
  const auto counts = place_counts(model.layer_count(), asked);
  if (!counts) return std::nullopt;
  std::vector<StageLayers> stages(request.stages);
  int layer = 0;
  for (std::size_t place = 0; place < counts->size(); ++place) {
    StageLayers& stage = stages[place % request.stages];
    for (int i = 0; i < (*counts)[place]; ++i) ++stage.layers[model.layers[layer++]];
  }
  stages.front().embedding = true;
  stages.back().head = true;
  std::vector<StageLayers> runs;
  for (int i = 0; i < request.stages; ++i) {
    StageLayers& stage = stages[i];
    stage.first = i;
    if (!runs.empty() && runs.back().layers == stage.layers && !runs.back().embedding &&
        !stage.head) {
      ++runs.back().count;
    } else {
      runs.push_back(stage);
    }
  }
  return runs;
}

}  // namespace tightrope::step
