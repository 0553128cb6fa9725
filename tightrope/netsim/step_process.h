// Where a process of a simulated step is in its program.
#pragma once

#include <cstddef>
#include <vector>

#include "tightrope/netsim/step_program.h"
#include "tightrope/netsim/step_schedule.h"

namespace tightrope::netsim {

struct Process {
  std::vector<Piece> order;
  std::size_t next = 0;       ///< piece in order
  std::size_t segment = 0;    ///< of the running piece
  int owed = 0, weights = 0;  ///< weight gradients put off, and begun
  Piece running;
  const std::vector<Segment>* segments = nullptr;
  bool busy = false, ready = false, ended = false;
  double since = 0;  ///< blocked or waiting since
  double piece_start = 0;
};

}  // namespace tightrope::netsim
