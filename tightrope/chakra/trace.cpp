#include "tightrope/chakra/trace.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace tightrope::chakra {
namespace {

constexpr std::array<std::string_view, 8> kind_words = {
    "?", "metadata", "memory_load", "memory_store", "compute", "send", "recv", "collective"};
constexpr std::array<std::string_view, 10> collective_words = {
    "all_reduce", "reduce",         "all_gather",           "gather", "scatter", "broadcast",
    "all_to_all", "reduce_scatter", "reduce_scatter_block", "barrier"};

std::string named(const Node& node) { return fmt::format("node {} ({})", node.id, node.name); }

Result<void> check_node(const Trace& trace, const Node& node, const std::string& shown) {
  const bool pair = node.kind == NodeKind::send || node.kind == NodeKind::recv;
  if (pair && node.peer < 0) {
    return fail(ErrorCode::not_found,
                fmt::format("{} names no rank to {}", named(node),
                            node.kind == NodeKind::send ? "send to" : "receive from"),
                {shown, 0, 0}, "a send needs comm_dst, a recv comm_src");
  }
  if (!(node.bytes.raw() >= 0.0) || !(node.duration.raw() >= 0.0) || !(node.start.raw() >= 0.0)) {
    return fail(ErrorCode::range, fmt::format("{} has a negative size or time", named(node)),
                {shown, 0, 0}, "sizes and times start at 0");
  }
  const bool known =
      trace.groups.empty() || node.group.empty() ||
      std::ranges::find(trace.groups, node.group, &Group::name) != trace.groups.end();
  if (node.kind == NodeKind::collective && !known) {
    return fail(ErrorCode::not_found,
                fmt::format("{} is of group \"{}\", which the trace does not list", named(node),
                            node.group),
                {shown, 0, 0}, "list every group, or none");
  }
  return {};
}

/// Takes operations whose dependencies are done until none is left; what stays is in a circle.
Result<void> check_order(const Trace& trace, const std::map<std::uint64_t, std::size_t>& place,
                         const std::string& shown) {
  std::vector<std::vector<std::size_t>> after(trace.nodes.size());
  std::vector<std::size_t> waits(trace.nodes.size(), 0);
  for (std::size_t i = 0; i < trace.nodes.size(); ++i) {
    for (const auto* deps : {&trace.nodes[i].deps, &trace.nodes[i].control_deps}) {
      for (const std::uint64_t id : *deps) {
        const auto at = place.find(id);
        if (at == place.end()) {
          return fail(
              ErrorCode::not_found,
              fmt::format("{} waits for node {}, which is not there", named(trace.nodes[i]), id),
              {shown, 0, 0}, "every dependency is the id of a node of the same file");
        }
        after[at->second].push_back(i);
        ++waits[i];
      }
    }
  }
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < waits.size(); ++i) {
    if (waits[i] == 0) ready.push_back(i);
  }
  for (std::size_t head = 0; head < ready.size(); ++head) {
    for (const std::size_t next : after[ready[head]]) {
      if (--waits[next] == 0) ready.push_back(next);
    }
  }
  if (ready.size() == trace.nodes.size()) return {};
  const auto stuck = std::ranges::find_if(waits, [](std::size_t w) { return w > 0; });
  return fail(ErrorCode::conflict,
              fmt::format("{} waits for itself, through others",
                          named(trace.nodes[static_cast<std::size_t>(stuck - waits.begin())])),
              {shown, 0, 0}, "dependencies must not close a circle");
}

}  // namespace

const char* to_string(NodeKind kind) { return kind_words[static_cast<std::size_t>(kind)].data(); }
const char* to_string(Collective collective) {
  return collective_words[static_cast<std::size_t>(collective)].data();
}

Result<void> check(const Trace& trace, const std::string& shown) {
  std::map<std::uint64_t, std::size_t> place;
  for (std::size_t i = 0; i < trace.nodes.size(); ++i) {
    TR_TRY_VOID(check_node(trace, trace.nodes[i], shown));
    if (place.try_emplace(trace.nodes[i].id, i).second) continue;
    return fail(ErrorCode::conflict, fmt::format("two nodes have the id {}", trace.nodes[i].id),
                {shown, 0, 0}, "ids are unique in a file");
  }
  return check_order(trace, place, shown);
}

}  // namespace tightrope::chakra
