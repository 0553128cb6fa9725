// The records of the catalog: chips, systems, prices, regions, claims, sources.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/fact.h"
#include "tightrope/core/dtype.h"

namespace tightrope::catalog {

enum class Status { shipping, announced, retired };

/// One accelerator (or host CPU) package as the vendor counts it.
struct Chip {
  std::string name;          ///< catalog id: "h100", "trainium2", "gb200"
  std::string title;         ///< "NVIDIA H100 SXM 80GB"
  std::string vendor;        ///< "nvidia", "aws", "google", "amd"
  std::string architecture;  ///< kin for borrowed kernel coefficients: "hopper", "trainium", "tpu"
  std::string kind;          ///< "gpu", "trainium", "tpu", "cpu"
  Status status = Status::shipping;
  std::vector<std::string> aliases;  ///< other spellings in published tables
  int ranks_per_chip = 1;  ///< software devices a chip: Trainium1 2, Trainium2 4 (LNC=2), TPU7x 2
  PerDType<Fact<FlopsPerSecond>> peak;  ///< dense peak of the whole chip by arithmetic format
  Fact<Bytes> hbm;                      ///< device memory of the whole chip, in bytes
  Fact<BytesPerSecond> hbm_bandwidth;
  Fact<Bytes> sram;  ///< on-chip SRAM the software or cache holds (L2 + shared, SBUF)
  Fact<Watts> power;
  /// NVLink, NeuronLink, ICI, xGMI: per chip, ONE direction.
  Fact<BytesPerSecond> scaleup_bandwidth;
  Fact<double> scaleup_links;
  Fact<double> compute_units;           ///< SMs, NeuronCores, TensorCores, CUs
  Fact<BytesPerSecond> host_bandwidth;  ///< PCIe or C2C to the host, per chip, one direction
  std::string scaleup_link;             ///< "NVLink5"
  std::string announced;                ///< free text: launch and availability
  std::string reference_system;         ///< id of the System that stands for it in tables
};

enum class ScaleupTopology { none, switched, mesh, torus2d, torus3d, ring };

/// What one buys or rents as a unit: an instance, a node, an UltraServer, a slice.
struct System {
  std::string name;  ///< catalog id: "p5.48xlarge", "u-p6e-gb200x72", "dgx-h100"
  std::string title;
  std::string provider;  ///< "aws", "google", "azure", "nvidia-dgx-cloud", "any" (bought hardware)
  std::string chip;      ///< id of a Chip
  Status status = Status::shipping;
  std::vector<std::string> aliases;
  int chips = 0;           ///< chips in the unit
  int chips_per_node = 0;  ///< chips behind one host operating system
  int scaleup_domain = 1;  ///< chips reachable over the scale-up links alone
  ScaleupTopology topology = ScaleupTopology::none;
  std::vector<int> torus;  ///< extent of each dimension when topology is a torus
  /// Per chip, one direction, where it differs from the chip's own (trn1n, a lone trn2.48xlarge).
  Fact<BytesPerSecond> scaleup_bandwidth;
  /// Of one chip along one dimension of the torus, one direction, both neighbours together, where
  /// the dimensions differ.
  Fact<BytesPerSecond> torus_x_bandwidth, torus_y_bandwidth, torus_z_bandwidth;
  Fact<double> scaleup_switches;       ///< switch planes of a switched domain
  Fact<BytesPerSecond> nic_bandwidth;  ///< scale-out, per NODE (chips_per_node), one direction
  std::string nic;                     ///< "EFAv3", "ConnectX-7 InfiniBand NDR"
  std::string network;                 ///< id of a Network
  Fact<double> nics_per_node;
  Fact<double> vcpus;         ///< of the unit
  Fact<Bytes> host_memory;    ///< of the unit
  Fact<Bytes> local_storage;  ///< of the unit
  Fact<Watts> unit_power;     ///< server or rack at full load, chips and hosts together
  Fact<double> max_chips;     ///< largest cluster the provider offers (UltraCluster)
  std::string host_cpu, cooling, available;  ///< available: YYYY-MM-DD or ""
};

/// How a node's interfaces meet the first switches: all on one, or each on its own rail's.
enum class Wiring { multipath, rail };

/// A kind of scale-out network: a Clos of two or three tiers.
struct Network {
  std::string name;  ///< catalog id: "efa-ultracluster"
  std::string title;
  Wiring wiring = Wiring::multipath;
  int tiers = 3;
  Fact<double> nodes_per_leaf;         ///< nodes under one leaf, or one set of rail leaves
  Fact<double> nodes_per_pod;          ///< nodes under one group of second-tier switches
  Fact<double> leaf_oversubscription;  ///< bandwidth into a leaf from its nodes over that upwards
  Fact<double> pod_oversubscription;   ///< the same of a pod
  Fact<Seconds> nic_latency;           ///< interface and cable to the leaf, one way, hardware only
  Fact<Seconds> switch_latency;        ///< one switch and the cable to the next
  Fact<Seconds> latency_per_km;        ///< of fibre between sites, one way
};

enum class Term { on_demand, spot, capacity_block, reserved_1y, reserved_3y, purchase };
[[nodiscard]] const char* to_string(Term term);  ///< "on_demand", ...

/// A price of one system unit for an hour (or to buy, for Term::purchase).
struct Price {
  std::string provider, region, system;
  Term term = Term::on_demand;
  Fact<DollarsPerSecond> per_chip;  ///< per chip; unknown for Term::purchase
  Fact<Dollars> purchase_per_chip;  ///< only for Term::purchase
  /// As published for the whole unit; the loader then divides by its chips into the facts above.
  Fact<DollarsPerSecond> per_unit;
  Fact<Dollars> purchase_per_unit;

  /// The fact that was published: per unit where there is one, else per chip.
  [[nodiscard]] const Provenance& from() const;
};

/// A place where machines stand.
struct Region {
  std::string name, provider, title;
  std::vector<std::string> within;  ///< price areas that hold it: a price of "aws-us" is its price
  Fact<DollarsPerJoule> electricity;
  Fact<double> pue;
  Fact<GramsPerJoule> carbon;  ///< location based, CO2-equivalent
};

/// What a vendor or the press says, kept as a claim and never used in a formula.
struct Claim {
  std::string subject, text;  ///< subject: a chip, a system, or a free name
  Provenance from;
};

struct Source {
  std::string id, title, locator, as_of;
  Where where;  ///< the line of sources.toml that states it
};

}  // namespace tightrope::catalog
