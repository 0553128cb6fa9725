// Checking and reading what is broken.
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "tightrope/topology/router.h"

namespace tightrope::topology {
namespace {

Result<void> in_range(const char* what, std::int64_t value, std::int64_t count) {
  if (value >= 0 && value < count) return {};
  return fail(ErrorCode::range, fmt::format("there is no {} {}", what, value), {},
              fmt::format("{}s are numbered 0 to {}", what, count - 1));
}

template <class T>
bool parse(std::string_view text, T& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<void> check_faults(const Machine& machine, const Faults& faults) {
  for (const int chip : faults.dead_chips) {
    TR_TRY_VOID(in_range("chip", chip, machine.chips()));
  }
  for (const int node : faults.dead_nodes) {
    TR_TRY_VOID(in_range("node", node, machine.nodes()));
  }
  for (const std::uint32_t link : faults.dead_links) {
    TR_TRY_VOID(in_range("link", link, machine.links()));
  }
  for (const Faults::Degraded& d : faults.degraded) {
    TR_TRY_VOID(in_range("link", d.link, machine.links()));
    if (!(d.factor > 0.0 && d.factor <= 1.0)) {
      return fail(ErrorCode::range, fmt::format("link {} keeps {:g} of itself", d.link, d.factor),
                  {}, "a degraded link keeps a share above 0 and up to 1; name a dead one plainly");
    }
  }
  return {};
}

Result<void> read_fault(const Machine& machine, const std::string& text, Faults& faults) {
  const auto unreadable = [&] {
    return fail(ErrorCode::syntax, fmt::format("cannot read the fault \"{}\"", text), {},
                "chip:N, node:N, unit:N, nic:CHIP, link:N or link:N:SHARE_LEFT");
  };
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return unreadable();
  const std::string kind = text.substr(0, colon);
  const std::string rest = text.substr(colon + 1);
  const std::size_t second = rest.find(':');
  std::int64_t number = 0;
  if (!parse(std::string_view(rest).substr(0, second), number)) return unreadable();
  if (kind == "link") {
    TR_TRY_VOID(in_range("link", number, machine.links()));
    const auto link = static_cast<std::uint32_t>(number);
    if (second == std::string::npos) {
      faults.dead_links.push_back(link);
      return {};
    }
    double factor = 0.0;
    if (!parse(std::string_view(rest).substr(second + 1), factor)) return unreadable();
    faults.degraded.push_back({link, factor});
    return check_faults(machine, faults);
  }
  if (second != std::string::npos) return unreadable();
  if (kind == "chip") {
    TR_TRY_VOID(in_range("chip", number, machine.chips()));
    faults.dead_chips.push_back(static_cast<int>(number));
  } else if (kind == "node") {
    TR_TRY_VOID(in_range("node", number, machine.nodes()));
    faults.dead_nodes.push_back(static_cast<int>(number));
  } else if (kind == "unit" || kind == "rack") {
    TR_TRY_VOID(in_range("unit", number, machine.units));
    for (int n = 0; n < machine.nodes_per_unit; ++n) {
      faults.dead_nodes.push_back(static_cast<int>(number) * machine.nodes_per_unit + n);
    }
  } else if (kind == "nic" && machine.ports_per_node > 0) {
    TR_TRY_VOID(in_range("chip", number, machine.chips()));
    const int chip = static_cast<int>(number) % machine.unit.chips();
    const int unit = static_cast<int>(number) / machine.unit.chips();
    const int port =
        chip / machine.chips_per_node * machine.ports_per_node + port_of(machine, chip);
    for (const bool up : {true, false}) {
      faults.dead_links.push_back(nic_link(machine, unit, port, up));
    }
  } else {
    return unreadable();
  }
  return {};
}

}  // namespace tightrope::topology
