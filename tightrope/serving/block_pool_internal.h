// The paged memory of keys and values of one replica, and the content that stays in freed pages.
//
// Rules of vLLM v1 (v1/core/block_pool.py, kv_cache_utils.py, v0.11 to v0.19): free blocks stand in
// a queue; taking pops its front and forgets the content found there; freeing appends, a
// sequence's last blocks first, so that the ends of prefixes are forgotten before their starts.
// A block whose content is asked for leaves the queue wherever it stands.
//
// Blocks without known content need no identity: a row of them is one node with a count. Content
// comes in extents, the leading blocks of one unit of a prompt, which shrink from their end.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace tightrope::serving {

class BlockPool {
 public:
  using Extent = std::uint32_t;
  static constexpr Extent none = 0;

  explicit BlockPool(std::int64_t blocks);

  [[nodiscard]] std::int64_t total() const { return total_; }
  [[nodiscard]] std::int64_t free() const { return free_; }

  /// Takes blocks from the front of the queue; needs count <= free().
  void take(std::int64_t count);
  /// Appends blocks whose content nobody will ask for.
  void give(std::int64_t count);

  /// The extent of this content, held or free, or none.
  [[nodiscard]] Extent find(std::uint64_t key) const;
  [[nodiscard]] std::int64_t blocks(Extent e) const { return nodes_[e].count; }
  [[nodiscard]] std::int64_t holders(Extent e) const { return nodes_[e].holders; }

  /// One holder more; the first takes the extent out of the queue.
  void hold(Extent e);
  /// One holder less; the last appends it to the queue.
  void drop(Extent e);
  /// Names blocks that were taken before; the caller is the first holder. `key` must be new.
  [[nodiscard]] Extent publish(std::uint64_t key, std::int64_t count);
  /// Adds taken blocks to an extent that the caller alone holds.
  void grow(Extent e, std::int64_t count) { nodes_[e].count += count; }
  /// Appends taken blocks under a name; what had that name before loses it.
  void give_named(std::uint64_t key, std::int64_t count);
  /// Takes a free extent's blocks, which lose their name.
  void take_named(Extent e);

 private:
  struct Node {
    std::int64_t count = 0;
    std::uint64_t key = 0;  ///< 0: no content
    std::int64_t holders = 0;
    std::uint32_t previous = 0, next = 0;
  };
  [[nodiscard]] std::uint32_t fresh();
  void recycle(std::uint32_t at);
  void append(std::uint32_t at);
  void unlink(std::uint32_t at);

  std::int64_t total_, free_;
  std::vector<Node> nodes_;  ///< node 0 is the queue's two ends
  std::vector<std::uint32_t> unused_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_key_;
};

}  // namespace tightrope::serving
