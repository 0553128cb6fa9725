// The least of many keys that change one at a time: a winner tree, O(log n) a change.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace tightrope::serving {

/// Ties go to the lower index.
template <class Key>
class Tournament {
 public:
  Tournament(std::size_t count, Key key)
      : leaves_(std::bit_ceil(count < 2 ? std::size_t{2} : count)),
        keys_(leaves_, key),
        winners_(leaves_) {
    for (std::size_t node = leaves_ - 1; node > 0; --node) play(node);
  }
  [[nodiscard]] std::uint32_t best() const { return winners_[1]; }
  [[nodiscard]] Key best_key() const { return keys_[winners_[1]]; }
  [[nodiscard]] Key key(std::uint32_t index) const { return keys_[index]; }

  void set(std::uint32_t index, Key key) {
    if (keys_[index] == key) return;
    keys_[index] = key;
    for (std::size_t node = (leaves_ + index) / 2; node > 0; node /= 2) play(node);
  }

 private:
  [[nodiscard]] std::uint32_t entry(std::size_t node) const {
    return node < leaves_ ? winners_[node] : static_cast<std::uint32_t>(node - leaves_);
  }
  void play(std::size_t node) {
    const std::uint32_t left = entry(2 * node), right = entry(2 * node + 1);
    winners_[node] = keys_[right] < keys_[left] ? right : left;
  }

  std::size_t leaves_;
  std::vector<Key> keys_;
  std::vector<std::uint32_t> winners_;
};

}  // namespace tightrope::serving
