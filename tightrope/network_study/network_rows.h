// Measured collectives and expert exchanges, as our formulas take them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/core/csv.h"
#include "tightrope/formula/calibration.h"
#include "tightrope/formula/collectives.h"
#include "tightrope/formula/exchange.h"

namespace tightrope::network_study {

/// What carried a row out, and so which formula says its time: the communication library's
/// collective, an engine's own all-reduce by peer reads, or an expert exchange.
enum class Form { library, direct, exchange };
[[nodiscard]] std::string_view to_string(Form form);

/// One measured time.
struct NetworkRow {
  std::string id;          ///< "collectives.csv:17", with the phase of an exchange
  std::string system;      ///< as the source names it
  std::string catalog;     ///< our system; empty when refused
  std::string group;       ///< "h100", "p5.48xlarge over efa-v2": left out of a fit as a whole
  std::string collective;  ///< "all_reduce", "dispatch"
  std::string stack;       ///< library or engine with its version
  std::string refused;     ///< why no formula applies; empty when one does
  Form form = Form::library;
  std::string engine;  ///< of a direct all-reduce, or whose host launched the call; else empty
  bool eager = false;  ///< each call launched from Python
  std::string mode;    ///< of an exchange
  Seconds measured{};
  Bytes size{};  ///< of the buffer, or that one rank sends in an exchange
  Bytes bus{};   ///< that cross the bottleneck of a perfect algorithm: bandwidth = bus/t
  formula::CollectiveCall call;
  formula::ExchangeCall exchange;
  std::string scaleup, scaleout;  ///< kinds of links, by calibration; scaleout empty in one domain
  formula::FabricModel fabric;    ///< with the calibration's links
  BytesPerSecond hbm{};           ///< that a copy reaches, for eager calls
  bool newest = true;             ///< of the versions of its library on its chip

  [[nodiscard]] bool large() const { return size.raw() >= 1048576.0; }
  /// "library_bus", "exchange_latency": what errors are compared within.
  [[nodiscard]] std::string band_key() const;
};

struct NetworkTable {
  std::string file, hash;  ///< of all files, " + " between
  int lines = 0;           ///< rows of the files; an exchange's line may hold two times
  std::vector<NetworkRow> rows;
};

/// What rows are read with.
struct NetworkFacts {
  const catalog::Catalog& catalog;
  const formula::Calibration& calibration;
};

/// Reads files, each of one of three forms told by its header: collectives of clusters
/// (catalog_network_measurements.csv), of nodes (kernels/collectives.csv), expert exchanges
/// (kernels/expert_alltoall.csv). Errors: not_found, io, syntax, type, unknown_key for a table of
/// another form; with file and line.
[[nodiscard]] Result<NetworkTable> read_network_tables(const std::vector<std::string>& paths,
                                                       const NetworkFacts& facts);
/// One text; `file` stands for it in errors and ids.
[[nodiscard]] Result<NetworkTable> parse_network_table(std::string_view text,
                                                       const std::string& file,
                                                       const NetworkFacts& facts);

}  // namespace tightrope::network_study
