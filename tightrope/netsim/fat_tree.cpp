#include "tightrope/netsim/fat_tree.h"

#include <utility>

#include "tightrope/core/check.h"

namespace tightrope::netsim {

FatTree::FatTree(FatTreeShape shape) : shape_(std::move(shape)) {
  const std::size_t levels = shape_.down.size();
  TR_CHECK(levels > 0 && shape_.up.size() == levels, levels, shape_.up.size());
  std::uint32_t nodes = 1;
  for (std::size_t i = 0; i < levels; ++i) {
    TR_CHECK(shape_.down[i] > 0 && shape_.up[i] > 0, i, shape_.down[i], shape_.up[i]);
    nodes *= shape_.down[i];
  }
  std::uint32_t links = 0;
  for (std::size_t i = 0; i < levels; ++i) {
    nodes_.push_back(nodes);
    first_link_.push_back(links);
    links += 2 * nodes * shape_.up[i];
    nodes = nodes / shape_.down[i] * shape_.up[i];
  }
  nodes_.push_back(nodes);
  first_link_.push_back(links);
}

// A node of level i is named by its parents' numbers so far (mixed radix `up`) and by the digits i,
// i + 1,
// ... of the hosts below it (mixed radix `down`): name = digits * (up[0] ... up[i - 1]) + parents.
std::vector<std::uint32_t> FatTree::route(std::uint32_t from, std::uint32_t to) const {
  TR_CHECK(from < hosts() && to < hosts(), from, to, hosts());
  std::vector<std::uint32_t> links;
  std::vector<std::uint32_t> down;  // links of the way down, last first
  std::uint32_t source = from;      // digits i, i + 1, ... of the source, then of the destination
  std::uint32_t target = to;
  std::uint32_t choices = 1;  // up[0] ... up[i - 1]
  std::uint32_t parents = 0;
  for (std::size_t i = 0; source != target; ++i) {
    const std::uint32_t parent = to / choices % shape_.up[i];
    const auto link = [&](std::uint32_t digits, std::uint32_t direction) {
      const std::uint32_t child = digits * choices + parents;
      return first_link_[i] + 2 * (child * shape_.up[i] + parent) + direction;
    };
    links.push_back(link(source, 0));
    down.push_back(link(target, 1));
    parents += parent * choices;
    choices *= shape_.up[i];
    source /= shape_.down[i];
    target /= shape_.down[i];
  }
  links.insert(links.end(), down.rbegin(), down.rend());
  return links;
}

}  // namespace tightrope::netsim
