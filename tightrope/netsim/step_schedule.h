// The order in which a pipeline stage takes its pieces.
#pragma once

#include <cstdint>
#include <vector>

namespace tightrope::netsim {

enum class PieceKind : std::uint8_t { forward, backward, weight };

/// One micro-batch's pass through one chunk of a stage.
struct Piece {
  PieceKind kind = PieceKind::forward;
  int chunk = 0, micro_batch = 0;
  friend bool operator==(const Piece&, const Piece&) = default;
};

struct ScheduleShape {
  int stages = 1, chunks = 1, micro_batches = 1;
};

/// Forward and backward pieces of a stage in Megatron's (interleaved) 1F1B order; weight gradients
/// that a schedule splits off are not in it, they fill waiting time. 0 <= stage < stages; with
/// chunks > 1 micro_batches must be a multiple of stages.
[[nodiscard]] std::vector<Piece> piece_order(const ScheduleShape& shape, int stage);

/// Weight-gradient pieces that a stage may owe at most (ZB-H1 keeps the memory of 1F1B).
[[nodiscard]] constexpr int most_owed(const ScheduleShape& shape, int stage) {
  return stage * shape.chunks + shape.chunks - 1;
}

}  // namespace tightrope::netsim
