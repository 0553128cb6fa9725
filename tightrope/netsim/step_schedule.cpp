#include "tightrope/netsim/step_schedule.h"

#include <algorithm>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

// The k-th forward of a stage: a round of micro-batches through chunk 0, the same through chunk 1.
Piece forward_piece(const ScheduleShape& shape, int k) {
  if (shape.chunks == 1) return {PieceKind::forward, 0, k};
  const int a_round = shape.stages * shape.chunks;
  const int round = k / a_round, inside = k % a_round;
  return {PieceKind::forward, inside / shape.stages, round * shape.stages + inside % shape.stages};
}

Piece backward_piece(const ScheduleShape& shape, int k) {
  Piece piece = forward_piece(shape, k);
  piece.kind = PieceKind::backward;
  piece.chunk = shape.chunks - 1 - piece.chunk;
  return piece;
}

// Forwards that a stage runs before its first backward, and then stays ahead.
int warmup(const ScheduleShape& shape, int stage) {
  const int pieces = shape.chunks * shape.micro_batches;
  const int behind = shape.stages - stage - 1;
  if (shape.chunks == 1) return std::min(pieces, behind);
  return std::min(pieces, 2 * behind + (shape.chunks - 1) * shape.stages);
}

}  // namespace

std::vector<Piece> piece_order(const ScheduleShape& shape, int stage) {
  TR_CHECK(stage >= 0 && stage < shape.stages, stage, shape.stages);
  TR_CHECK(shape.chunks == 1 || shape.micro_batches % shape.stages == 0, shape.micro_batches);
  const int pieces = shape.chunks * shape.micro_batches;
  const int ahead = warmup(shape, stage);
  std::vector<Piece> order;
  order.reserve(2 * static_cast<std::size_t>(pieces));
  int forwards = 0;
  for (int backwards = 0; backwards < pieces; ++backwards) {
    while (forwards < pieces && forwards <= ahead + backwards) {
      order.push_back(forward_piece(shape, forwards++));
    }
    order.push_back(backward_piece(shape, backwards));
  }
  return order;
}

}  // namespace tightrope::netsim
