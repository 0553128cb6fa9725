// Runs a step on a network: pieces of all stages, event by event, transfers sharing links.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tightrope/netsim/step_loads.h"
#include "tightrope/netsim/step_program.h"
#include "tightrope/netsim/step_schedule.h"

namespace tightrope::netsim {

/// Where a process's time went, seconds.
struct ProcessTime {
  double compute = 0;
  std::array<double, dimensions> exposed{};  ///< blocked on a transfer of the dimension
  double waiting = 0;                        ///< for another stage's piece
  double end = 0;                            ///< of its last piece
  double gather = 0;                         ///< its first forward waited for parameters
  double reduce_end = 0;                     ///< its gradients are there
};

/// Something that took time, for timelines.
struct StepSpan {
  int process = 0;
  enum class Kind : std::uint8_t { piece, transfer, sync } kind = Kind::piece;
  Piece piece;        ///< of kind piece
  int transfer = -1;  ///< of kind transfer and sync
  double start = 0, end = 0;
};

struct StepResult {
  double step = 0;      ///< seconds, all of it
  double pipeline = 0;  ///< until the last stage has run its last piece
  double sync = 0;      ///< from there until the last gradients have arrived
  double straggler = 0, after = 0;
  std::vector<ProcessTime> processes;
  std::vector<double> moved;  ///< of each row: how many times it was carried out
  std::vector<StepSpan> spans;
  std::uint64_t events = 0, solves = 0;
};

struct StepRunOptions {
  std::size_t most_spans = 0;  ///< spans to keep; 0: none
};

/// What: a discrete-event run of the program. A transfer asks for a rate no higher than it reaches
///   alone (its latency spread over it); transfers that meet on a resource share it max-min fairly.
///   It blocks its process until what is left of it fits into what may run beside compute.
/// Equals the closed form (formula::replay_pipeline) when no two transfers meet.
/// Pure; the same input gives the same bits. The program and the loads must fit (TR_CHECK).
[[nodiscard]] StepResult run_step(const StepProgram& program, const StepLoads& loads,
                                  const StepRunOptions& options = {});

}  // namespace tightrope::netsim
