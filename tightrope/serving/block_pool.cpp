#include <algorithm>

#include "tightrope/core/check.h"
#include "tightrope/serving/block_pool_internal.h"

namespace tightrope::serving {

BlockPool::BlockPool(std::int64_t blocks) : total_(blocks), free_(0), nodes_(1) { give(blocks); }

std::uint32_t BlockPool::fresh() {
  if (unused_.empty()) {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  const std::uint32_t at = unused_.back();
  unused_.pop_back();
  nodes_[at] = Node{};
  return at;
}

void BlockPool::recycle(std::uint32_t at) {
  if (nodes_[at].key != 0) by_key_.erase(nodes_[at].key);
  unused_.push_back(at);
}

void BlockPool::append(std::uint32_t at) {
  const std::uint32_t last = nodes_[0].previous;
  nodes_[at].previous = last;
  nodes_[at].next = 0;
  nodes_[last].next = at;
  nodes_[0].previous = at;
}

void BlockPool::unlink(std::uint32_t at) {
  const std::uint32_t before = nodes_[at].previous, after = nodes_[at].next;
  nodes_[before].next = after;
  nodes_[after].previous = before;
  // Two rows without content that meet become one, so that nodes stay as few as extents.
  if (before == 0 || after == 0 || nodes_[before].key != 0 || nodes_[after].key != 0) return;
  nodes_[before].count += nodes_[after].count;
  const std::uint32_t beyond = nodes_[after].next;
  nodes_[before].next = beyond;
  nodes_[beyond].previous = before;
  recycle(after);
}

void BlockPool::take(std::int64_t count) {
  TR_CHECK(count <= free_, count, free_);
  free_ -= count;
  while (count > 0) {
    const std::uint32_t front = nodes_[0].next;
    const std::int64_t part = std::min(count, nodes_[front].count);
    nodes_[front].count -= part;
    count -= part;
    if (nodes_[front].count > 0) break;
    unlink(front);
    recycle(front);
  }
}

void BlockPool::give(std::int64_t count) {
  if (count == 0) return;
  free_ += count;
  const std::uint32_t last = nodes_[0].previous;
  if (last != 0 && nodes_[last].key == 0) {
    nodes_[last].count += count;
    return;
  }
  const std::uint32_t at = fresh();
  nodes_[at].count = count;
  append(at);
}

BlockPool::Extent BlockPool::find(std::uint64_t key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? none : found->second;
}

void BlockPool::hold(Extent e) {
  if (nodes_[e].holders++ > 0) return;
  free_ -= nodes_[e].count;
  unlink(e);
}

void BlockPool::drop(Extent e) {
  TR_CHECK(nodes_[e].holders > 0, e);
  if (--nodes_[e].holders > 0) return;
  free_ += nodes_[e].count;
  append(e);
}

BlockPool::Extent BlockPool::publish(std::uint64_t key, std::int64_t count) {
  const std::uint32_t at = fresh();
  nodes_[at].count = count;
  nodes_[at].key = key;
  nodes_[at].holders = 1;
  by_key_.emplace(key, at);
  return at;
}

void BlockPool::give_named(std::uint64_t key, std::int64_t count) {
  if (count == 0) return;
  const auto [place, is_new] = by_key_.try_emplace(key, 0);
  if (!is_new) nodes_[place->second].key = 0;
  const std::uint32_t at = fresh();
  nodes_[at].count = count;
  nodes_[at].key = key;
  place->second = at;
  free_ += count;
  append(at);
}

void BlockPool::take_named(Extent e) {
  free_ -= nodes_[e].count;
  unlink(e);
  recycle(e);
}

}  // namespace tightrope::serving
