// From a scenario file, the catalog and the planners' speeds to what the optimizer takes.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/procure/scenario.h"
#include "tightrope/procure_study/records.h"
#include "tightrope/procure_study/throughput.h"

namespace tightrope::procure_study {

/// What software a system takes: "cuda", "neuron", "rocm", "tpu", "gaudi", else its chip's kind.
[[nodiscard]] std::string architecture_of(const catalog::System& system,
                                          const catalog::Catalog& catalog);

/// The quarter a day lies in, 0 for days before the start. Both YYYY-MM-DD.
[[nodiscard]] int quarter_of(const std::string& day, const std::string& start);

/// A resolved scenario with all it came from.
struct Resolved {
  File file;
  SpeedTable speeds;
  procure::Scenario scenario;
  std::string catalog_hash;
  std::vector<std::string> notes;  ///< what was filled in from the catalog, assumed, or ignored
  std::vector<bool> announced;     ///< [system]: it, or its chip, is not sold yet
};

/// Every number of the file with a low and a high that the futures can draw; `notes` is told of
/// those that they cannot. A part of a price, or one of several ports, moves the whole by its
/// share.
[[nodiscard]] std::vector<procure::UncertainNumber> uncertain_numbers(
    const File& file, std::vector<std::string>& notes);

/// A number of the file with a source: "chip_usd of trn3". It points into the file.
struct SourcedNumber {
  std::string name;
  const Given* given = nullptr;
};
[[nodiscard]] std::vector<SourcedNumber> sourced_numbers(const File& file);

/// Errors: not_found, with the line, for a price, power or region that neither the file nor the
/// catalog knows.
[[nodiscard]] Result<Resolved> resolve(File file, SpeedTable speeds,
                                       const catalog::Catalog& catalog);

}  // namespace tightrope::procure_study
