// Builds a Catalog from layers of files: the embedded ones, then those of the user's folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/catalog/reader.h"

namespace tightrope::catalog {

/// A file of a catalog: `path` relative to its root ("chips/h100.toml"), `shown` as messages name
/// it, and its text.
struct CatalogFile {
  std::string path, shown;
  std::string_view text;
};

/// The records of one layer, in file order, with their places.
struct Layer {
  std::vector<Placed<Chip>> chips;
  std::vector<Placed<System>> systems;
  std::vector<Placed<Network>> networks;
  std::vector<Placed<Price>> prices;
  std::vector<Placed<Region>> regions;
  std::vector<Placed<Claim>> claims;
};

class Loader {
 public:
  Loader() = default;
  explicit Loader(Catalog base) : catalog_(std::move(base)) {}

  /// Adds files on top of what is there. Files in name order; faults collect.
  void add(const std::vector<CatalogFile>& files);

  /// Faults so far, by file, line and column.
  [[nodiscard]] const std::vector<Error>& faults() const { return faults_; }
  [[nodiscard]] Catalog take() { return std::move(catalog_); }

 private:
  void read_sources(const CatalogFile& file);
  void read_file(const CatalogFile& file, Layer& layer);
  void merge(const Layer& layer);
  void divide_prices();

  Catalog catalog_;
  std::set<std::string> source_ids_;
  std::vector<Error> faults_;
};

/// Texts of the catalog files under `dir`, which `files` point into.
struct Folder {
  std::vector<std::string> texts;
  std::vector<CatalogFile> files;
  std::vector<Error> faults;  ///< files that are no part of a catalog
};

/// Reads a folder in name order. Errors: not there (not_found), not readable (io).
[[nodiscard]] Result<Folder> read_folder(const std::string& dir);

/// Checks what one layer's records say about each other and the whole catalog; `catalog` holds the
/// layer already.
void check_layer(const Layer& layer, const Catalog& catalog, std::vector<Error>& faults);

}  // namespace tightrope::catalog
