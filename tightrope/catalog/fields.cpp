#include "tightrope/catalog/fields.h"

#include <cmath>

#include <fmt/format.h>

#include "tightrope/catalog/fields_internal.h"

namespace tightrope::catalog {
namespace {

using namespace fields_internal;
using enum Need;

constexpr std::string_view status_words[] = {"shipping", "announced", "retired"};
constexpr std::string_view topology_words[] = {"none",    "switched", "mesh",
                                               "torus2d", "torus3d",  "ring"};
constexpr std::string_view wiring_words[] = {"multipath", "rail"};
constexpr std::string_view term_words[] = {"on_demand",   "spot",        "capacity_block",
                                           "reserved_1y", "reserved_3y", "purchase"};
constexpr std::string_view grades[] = {"measured", "vendor", "press", "derived", "estimate"};

constexpr Bounds memory{1e6, 1e16};
constexpr Bounds rate{1e6, 1e16};
constexpr Bounds counts{0, 1e9};

constexpr Field<Chip> chip_fields[] = {
    text<&Chip::name>("name", required, "catalog id, the name of the file"),
    text<&Chip::title>("title", required, "what the vendor calls it"),
    text<&Chip::vendor>("vendor", required, "nvidia, aws, google, amd, intel"),
    text<&Chip::architecture>("architecture", required, "kin for borrowed kernel coefficients"),
    text<&Chip::kind>("kind", required, "gpu, trainium, tpu, gaudi or cpu"),
    choice<&Chip::status, status_words>("status", optional, "can one have it"),
    text_list<&Chip::aliases>("aliases", "other spellings in published tables"),
    count<&Chip::ranks_per_chip>("ranks_per_chip", optional, "software devices a chip", {1, 64}),
    peak<DType::fp32>("peak_fp32", "dense peak of the whole chip"),
    peak<DType::tf32>("peak_tf32", "dense peak of the whole chip"),
    peak<DType::bf16>("peak_bf16", "dense peak of the whole chip"),
    peak<DType::fp16>("peak_fp16", "dense peak of the whole chip"),
    peak<DType::fp8>("peak_fp8", "dense peak of the whole chip"),
    peak<DType::fp4>("peak_fp4", "dense peak of the whole chip"),
    peak<DType::int8>("peak_int8", "dense peak of the whole chip, operations as FLOP"),
    fact<&Chip::hbm>("hbm", optional, "device memory of the whole chip", memory),
    fact<&Chip::hbm_bandwidth>("hbm_bandwidth", optional, "of the device memory", rate),
    fact<&Chip::sram>("sram", optional, "on-chip memory that software or caches hold", {1e3, 1e12}),
    fact<&Chip::power>("power", optional, "highest sustained draw of one chip", {1, 1e5}),
    fact<&Chip::scaleup_bandwidth>("scaleup_bandwidth", optional,
                                   "scale-up links of one chip, one direction", rate),
    fact<&Chip::scaleup_links>("scaleup_links", optional, "scale-up links of one chip", counts),
    fact<&Chip::compute_units>("compute_units", optional, "SMs, CUs, NeuronCores, TensorCores",
                               {1, 1e6}),
    fact<&Chip::host_bandwidth>("host_bandwidth", optional, "chip to host memory, one direction",
                                rate),
    text<&Chip::scaleup_link>("scaleup_link", optional, "name of the scale-up link"),
    text<&Chip::announced>("announced", optional, "launch and availability, in words"),
    text<&Chip::reference_system>("reference_system", optional,
                                  "id of the system that stands for it in tables"),
};

constexpr std::string_view along_torus =
    "of one chip along this dimension, one direction, both neighbours together";

constexpr Field<System> system_fields[] = {
    text<&System::name>("name", required, "catalog id, the name of the file"),
    text<&System::title>("title", required, "what the provider calls it"),
    text<&System::provider>("provider", required, "who sells it; \"any\": bought hardware"),
    text<&System::chip>("chip", required, "id of a chip"),
    choice<&System::status, status_words>("status", optional, "can one have it"),
    text_list<&System::aliases>("aliases", "other spellings in published tables"),
    count<&System::chips>("chips", required, "chips in the unit that one buys", {1, 1e6}),
    count<&System::chips_per_node>("chips_per_node", required,
                                   "chips behind one host operating system", {1, 1e4}),
    count<&System::scaleup_domain>("scaleup_domain", required,
                                   "chips that reach each other over scale-up links", {1, 1e6}),
    choice<&System::topology, topology_words>("topology", required, "shape of the scale-up links"),
    count_list<&System::torus>("torus", "extent of each dimension of a torus", {1, 1e4}),
    fact<&System::scaleup_bandwidth>(
        "scaleup_bandwidth", optional,
        "of one chip, one direction, where it differs from the chip's own", rate),
    fact<&System::torus_x_bandwidth>("torus_x_bandwidth", optional, along_torus, rate),
    fact<&System::torus_y_bandwidth>("torus_y_bandwidth", optional, along_torus, rate),
    fact<&System::torus_z_bandwidth>("torus_z_bandwidth", optional, along_torus, rate),
    fact<&System::scaleup_switches>("scaleup_switches", optional,
                                    "switch planes of a switched domain", {1, 1e4}),
    fact<&System::nic_bandwidth>("nic_bandwidth", optional,
                                 "scale-out network of one node, one direction", rate),
    text<&System::nic>("nic", optional, "kind and generation of the scale-out network"),
    text<&System::network>("network", optional, "id of the network that joins nodes"),
    fact<&System::nics_per_node>("nics_per_node", optional, "network interfaces of a node", counts),
    fact<&System::vcpus>("vcpus", optional, "of the unit", counts),
    fact<&System::host_memory>("host_memory", optional, "of the unit", memory),
    fact<&System::local_storage>("local_storage", optional, "of the unit", memory),
    fact<&System::unit_power>("unit_power", optional,
                              "server or rack at full load, chips and hosts together", {1, 1e9}),
    fact<&System::max_chips>("max_chips", optional, "largest cluster the provider offers",
                             {1, 1e9}),
    text<&System::host_cpu>("host_cpu", optional, "host processor"),
    text<&System::cooling>("cooling", optional, "air, liquid, or both"),
    text<&System::available>("available", optional, "first day of general availability",
                             FieldKind::date),
};

constexpr Bounds delay{1e-9, 1};  // s
constexpr Bounds taper{0.1, 1e3};

constexpr Field<Network> network_fields[] = {
    text<&Network::name>("name", required, "catalog id, the name of the file"),
    text<&Network::title>("title", required, "what it is"),
    choice<&Network::wiring, wiring_words>("wiring", required,
                                           "a node on one leaf, or each interface on its rail's"),
    count<&Network::tiers>("tiers", required, "tiers of switches", {2, 3}),
    fact<&Network::nodes_per_leaf>("nodes_per_leaf", required,
                                   "nodes under one leaf, or one set of rail leaves", {1, 1e5}),
    fact<&Network::nodes_per_pod>("nodes_per_pod", optional,
                                  "nodes under one group of second-tier switches", {1, 1e6}),
    fact<&Network::leaf_oversubscription>("leaf_oversubscription", optional,
                                          "bandwidth from the nodes over that upwards", taper),
    fact<&Network::pod_oversubscription>("pod_oversubscription", optional,
                                         "bandwidth from the leaves over that upwards", taper),
    fact<&Network::nic_latency>("nic_latency", optional,
                                "interface and cable to the leaf, one way, no software", delay),
    fact<&Network::switch_latency>("switch_latency", optional,
                                   "one switch and the cable to the next, one way", delay),
    fact<&Network::latency_per_km>("latency_per_km", optional, "of fibre between sites, one way",
                                   delay),
};

constexpr Bounds price_bounds{1e-9, 1e3};  // USD/s: 3.6e-6 .. 3.6e6 USD/h
constexpr Bounds purchase_bounds{1, 1e9};

constexpr Field<Price> price_fields[] = {
    text<&Price::provider>("provider", required, "who sells"),
    text<&Price::region>("region", required, "id of a region or price area"),
    text<&Price::system>("system", required, "id of a system"),
    choice<&Price::term, term_words>("term", required, "how long one binds oneself"),
    fact<&Price::per_chip>("per_chip", optional, "one chip for an hour", price_bounds),
    fact<&Price::per_unit>("per_unit", optional, "the whole unit for an hour", price_bounds),
    fact<&Price::purchase_per_chip>("purchase_per_chip", optional, "to own one chip's share",
                                    purchase_bounds),
    fact<&Price::purchase_per_unit>("purchase_per_unit", optional, "to own the whole unit",
                                    purchase_bounds),
};

constexpr Field<Region> region_fields[] = {
    text<&Region::name>("name", required, "catalog id, the name of the file"),
    text<&Region::provider>("provider", required, "whose data centers"),
    text<&Region::title>("title", required, "where it is"),
    text_list<&Region::within>("within", "price areas that hold it"),
    fact<&Region::electricity>("electricity", optional, "price of electric energy", {1e-10, 1e-5}),
    fact<&Region::pue>("pue", optional, "facility energy over equipment energy", {1.0, 3.0}),
    fact<&Region::carbon>("carbon", optional, "CO2-equivalent of the grid, location based",
                          {0.0, 1e-3}),
};

template <std::string Provenance::* M>
constexpr auto provenance_text = [](Claim& c) -> std::string& { return c.from.*M; };

constexpr auto claim_grade_store = [](Claim& c, FieldValue&& v) {
  const auto& word = std::get<std::string>(v);
  for (std::size_t i = 0; i < std::size(grades); ++i) {
    if (grades[i] == word) c.from.grade = static_cast<Grade>(i);
  }
};
constexpr auto claim_grade_read = [](const Claim& c) -> FieldValue {
  return std::string(to_string(c.from.grade));
};

constexpr Field<Claim> claim_fields[] = {
    text<&Claim::subject>("subject", required, "a chip, a system, or a free name"),
    text<&Claim::text>("text", required, "what is said, in our words"),
    plain<Claim, std::string, provenance_text<&Provenance::source>>(
        {.name = "source", .required = true, .doc = "id in sources.toml"}),
    plain<Claim, std::string, provenance_text<&Provenance::as_of>>(
        {.name = "as_of", .kind = FieldKind::date, .required = true, .doc = "when it was said"}),
    {{.name = "grade",
      .kind = FieldKind::choice,
      .required = true,
      .doc = "who says it",
      .choices = grades},
     claim_grade_store,
     claim_grade_read},
    plain<Claim, std::string, provenance_text<&Provenance::note>>(
        {.name = "note", .doc = "what to think of it"}),
};

constexpr Field<Source> source_fields[] = {
    text<&Source::title>("title", required, "what it is"),
    text<&Source::locator>("locator", required, "where to find it: address, repository, page"),
    text<&Source::as_of>("as_of", required, "the day it was read", FieldKind::date),
};

bool is(const Dimension& a, const Dimension& b) { return a == b; }

/// The shortest spelling with at most `digits` significant digits.
std::string number_text(double value, int digits = 6) {
  return fmt::format("{:.{}g}", value, digits);
}

}  // namespace

template <>
std::span<const Field<Chip>> fields<Chip>() {
  return chip_fields;
}
template <>
std::span<const Field<System>> fields<System>() {
  return system_fields;
}
template <>
std::span<const Field<Network>> fields<Network>() {
  return network_fields;
}
template <>
std::span<const Field<Price>> fields<Price>() {
  return price_fields;
}
template <>
std::span<const Field<Region>> fields<Region>() {
  return region_fields;
}
template <>
std::span<const Field<Claim>> fields<Claim>() {
  return claim_fields;
}
template <>
std::span<const Field<Source>> fields<Source>() {
  return source_fields;
}

template <>
std::string_view noun<Chip>() {
  return "a chip";
}
template <>
std::string_view noun<System>() {
  return "a system";
}
template <>
std::string_view noun<Network>() {
  return "a network";
}
template <>
std::string_view noun<Price>() {
  return "a price";
}
template <>
std::string_view noun<Region>() {
  return "a region";
}
template <>
std::string_view noun<Claim>() {
  return "a claim";
}
template <>
std::string_view noun<Source>() {
  return "a source";
}

const char* to_string(Grade grade) { return grades[static_cast<std::size_t>(grade)].data(); }
std::span<const std::string_view> grade_words() { return grades; }
const char* to_string(Term term) { return term_words[static_cast<std::size_t>(term)].data(); }

std::string quantity_text(double v, const Dimension& d) {
  if (is(d, {})) return number_text(v);
  if (is(d, dimension_of(DollarsPerSecond()))) return number_text(v * 3600) + " USD/h";
  if (is(d, dimension_of(DollarsPerJoule()))) return number_text(v * 3.6e6) + " USD/kWh";
  if (is(d, dimension_of(GramsPerJoule()))) return number_text(v * 3.6e6) + " g/kWh";
  if (is(d, dimension_of(Dollars()))) return to_text(Dollars(v));
  if (is(d, dimension_of(Seconds()))) return number_text(v * 1e6) + " us";
  struct Step {
    double factor;
    std::string_view prefix;
  };
  static constexpr Step steps[] = {{1e15, "P"}, {1e12, "T"}, {1e9, "G"},
                                   {1e6, "M"},  {1e3, "k"},  {1.0, ""}};
  std::string_view unit = is(d, dimension_of(Bytes()))            ? "B"
                          : is(d, dimension_of(BytesPerSecond())) ? "B/s"
                          : is(d, dimension_of(FlopsPerSecond())) ? "FLOP/s"
                                                                  : "W";
  for (const Step& s : steps) {
    if (std::fabs(v) >= s.factor || s.factor == 1.0) {
      return fmt::format("{} {}{}", number_text(v / s.factor), s.prefix, unit);
    }
  }
  return {};
}

std::string base_unit(const Dimension& d) {
  struct Part {
    int exponent;
    std::string_view symbol;
  };
  const Part parts[] = {{d.dollar, "USD"}, {d.byte, "B"},  {d.flop, "FLOP"}, {d.token, "token"},
                        {d.gram, "g"},     {d.joule, "J"}, {d.second, "s"}};
  std::string top;
  std::string bottom;
  for (const Part& part : parts) {
    if (part.exponent > 0) top += std::string(top.empty() ? "" : " ") + std::string(part.symbol);
    if (part.exponent < 0) bottom += "/" + std::string(part.symbol);
  }
  if (top.empty()) top = "1";
  return top + bottom;
}

const char* to_string(FieldKind kind) {
  switch (kind) {
    case FieldKind::text: return "text";
    case FieldKind::text_list: return "texts";
    case FieldKind::count: return "whole number";
    case FieldKind::count_list: return "whole numbers";
    case FieldKind::choice: return "choice";
    case FieldKind::date: return "date";
    case FieldKind::fact: return "fact";
  }
  return "?";
}

std::string example_of(const FieldDoc& doc) {
  switch (doc.kind) {
    case FieldKind::text: return fmt::format("{} = \"...\"", doc.name);
    case FieldKind::text_list: return fmt::format("{} = [\"...\"]", doc.name);
    case FieldKind::count: return fmt::format("{} = 8", doc.name);
    case FieldKind::count_list: return fmt::format("{} = [4, 4]", doc.name);
    case FieldKind::choice: return fmt::format("{} = \"{}\"", doc.name, doc.choices.front());
    case FieldKind::date: return fmt::format("{} = 2026-01-31", doc.name);
    case FieldKind::fact: break;
  }
  const std::string value =
      is(doc.dimension, {}) ? "8" : fmt::format("\"80 {}\"", example_unit(doc.dimension));
  return fmt::format(
      "{} = {{ value = {}, source = \"ID\", as_of = 2026-01-31, grade = \"vendor\" }}", doc.name,
      value);
}

}  // namespace tightrope::catalog
