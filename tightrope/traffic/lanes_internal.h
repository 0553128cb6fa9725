// What is drawn, so that no two draws of a generator are the same number.
#pragma once

#include <cstdint>

namespace tightrope::traffic::lane {

inline constexpr std::uint64_t gap = 1, burst = 2, length = 3, prompt = 4, reuse = 5, session = 6;
inline constexpr std::uint64_t traced = 7;  ///< gaps of a trace's requests
/// One lane a turn, from here on.
inline constexpr std::uint64_t first_turn = 1000, first_pause = std::uint64_t{1} << 32;

}  // namespace tightrope::traffic::lane
