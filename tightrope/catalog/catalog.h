// The catalog: every fact Tightrope knows, loaded from TOML that travels inside the binary and can
// be overridden or extended by a folder of the user's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/records.h"

namespace tightrope::catalog {

class Catalog {
 public:
  /// The catalog inside the binary. A fault in it is our bug (TR_CHECK).
  [[nodiscard]] static const Catalog& embedded();
  /// The embedded catalog with the records of `dir` added; a record of the same kind and name
  /// replaces the embedded one. Errors: everything that `check` reports, first one only.
  [[nodiscard]] static Result<Catalog> with_overrides(const std::string& dir);

  [[nodiscard]] const std::vector<Chip>& chips() const { return chips_; }
  [[nodiscard]] const std::vector<System>& systems() const { return systems_; }
  [[nodiscard]] const std::vector<Network>& networks() const { return networks_; }
  [[nodiscard]] const std::vector<Price>& prices() const { return prices_; }
  [[nodiscard]] const std::vector<Region>& regions() const { return regions_; }
  [[nodiscard]] const std::vector<Claim>& claims() const { return claims_; }
  [[nodiscard]] const std::vector<Source>& sources() const { return sources_; }

  /// By id or alias, case-insensitively; nullptr when absent.
  [[nodiscard]] const Chip* find_chip(std::string_view name) const;
  [[nodiscard]] const System* find_system(std::string_view name) const;
  /// The system of a chip that a published table's spelling names: by id or alias, else by the
  /// longest alias that begins the spelling ("v5e-256 x8"), else the chip's reference system.
  /// nullptr when the chip is unknown or has no system.
  [[nodiscard]] const System* find_system_of(std::string_view chip,
                                             std::string_view spelling) const;
  [[nodiscard]] const Network* find_network(std::string_view name) const;
  [[nodiscard]] const Region* find_region(std::string_view name) const;
  [[nodiscard]] const Source* find_source(std::string_view id) const;
  /// The newest price of a system under a term in a region or a price area that holds it; when
  /// there is none, the newest of any region of the same provider; then of any provider; nullptr
  /// when there is none at all. Of prices equally new the lowest.
  [[nodiscard]] const Price* find_price(std::string_view system, std::string_view region,
                                        Term term) const;
  /// Names near `name`, for "did you mean".
  [[nodiscard]] std::vector<std::string> near(std::string_view name) const;
  /// FNV-1a 64 over all files in name order, as 16 hex digits; results store it.
  [[nodiscard]] const std::string& hash() const { return hash_; }

 private:
  friend class Loader;
  std::vector<Chip> chips_;
  std::vector<System> systems_;
  std::vector<Network> networks_;
  std::vector<Price> prices_;
  std::vector<Region> regions_;
  std::vector<Claim> claims_;
  std::vector<Source> sources_;
  std::string hash_;
};

/// Every fault of a catalog folder read on top of the embedded catalog, in file order; empty when
/// it is sound.
[[nodiscard]] std::vector<Error> check_folder(const std::string& dir);

/// Text of an architecture file catalog/llms/<name>.json (a Hugging Face style config), or an error
/// with near names.
[[nodiscard]] Result<std::string> llm_config(std::string_view name);
[[nodiscard]] std::vector<std::string> llm_names();

}  // namespace tightrope::catalog
