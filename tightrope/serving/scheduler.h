// The rules by which one replica's engine picks the work of each iteration.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::serving {

/// When a waiting request may enter.
enum class Capacity {
  on_demand,     ///< its prompt (or first chunk) fits; running ones may be put back later
  whole_output,  ///< prompt and whole output fit beside all others': nobody is put back
  token_ratio,   ///< a share of all outputs to come is kept free; the share falls step by step
};

/// What becomes of a sequence that is put back.
enum class Preemption {
  recompute,  ///< its keys and values are dropped and computed again
  swap,       ///< they are copied to host memory and back, while the replica waits
};

/// SGLang's estimate of outputs to come (managers/schedule_policy.py, v0.5): the share starts at
/// `first`, falls to `least` over `steps` decode steps, and is set anew when a sequence is put
/// back.
struct TokenRatio {
  double first = 0.7, least = 0.098;
  std::int64_t steps = 600;
  std::int64_t longest_output = 4096;  ///< counted of a request at most
  std::int64_t steps_kept_free = 20;   ///< after one was put back
};

struct SchedulerOptions {
  std::int64_t token_budget = 8192;   ///< tokens of an iteration at most
  std::int64_t max_sequences = 1024;  ///< sequences in work at most
  std::int64_t block_tokens = 16;     ///< tokens of a page of keys and values
  bool chunked_prefill = true;        ///< a prompt may be split over iterations
  bool mixed = true;                  ///< prefills share iterations with decodes; no: they go first
  bool whole_input = true;            ///< the whole prompt must fit before its first chunk starts
  bool prefix_cache = true;
  std::int64_t long_prefill = 0;  ///< longest chunk of a prompt; 0: the budget
  std::int64_t max_prefills = 0;  ///< prompts in an iteration; 0: any number
  /// Decode steps from one look at the arrivals to the next (SGLang's `--scheduler-recv-interval`);
  /// it also looks after each iteration with prefills, and when nothing decodes.
  std::int64_t poll_steps = 1;
  /// Iterations that end after a request came before one takes it in, as long as others run:
  /// engines launch an iteration before they read what the last one yielded. The one under way when
  /// it comes counts. Static batches know none.
  std::int64_t ahead_steps = 0;
  double watermark = 0.0;  ///< share of the pool that admission leaves free
  Capacity capacity = Capacity::on_demand;
  Preemption preemption = Preemption::recompute;
  std::int64_t draft_tokens = 0;  ///< guessed a sequence and step; all are verified
  double accepted = 0.0;          ///< of them, in the mean; in [0, draft_tokens]
  /// Shares of a sequence's iterations that yield 1, 2, ... tokens; empty: all by the mean. Each
  /// request draws from a stream of its own, by `yield_seed` and its serial number.
  std::vector<double> yields;
  std::uint64_t yield_seed = 1;
  /// Requests are prefilled together and the next batch starts when the longest is done: a batch is
  /// `max_sequences`, or who is there once the first has waited so long.
  bool static_batches = false;
  Seconds batch_wait{0.1};
  /// Of static batches: graphs are compiled for caches of powers of two tokens. Each row's
  /// attention reads as many keys as the next power of two holds the longest's, prompts are padded
  /// to one.
  bool buckets_cache = false;
  /// Of what only decodes: the first token reaches the client when its prompt is done. Otherwise it
  /// comes with the decoding replica's stream, once the request decodes there: so do vLLM's proxy
  /// (disagg_prefill_proxy_server.py: the prefill's answer is dropped) and SGLang's decode worker.
  bool prefiller_tells = false;
  TokenRatio ratio;
};

/// vLLM v1, `Scheduler.schedule` of v0.11 to v0.19: running ones first, then the waiting in order
/// of arrival; chunked prefill beside decodes; the last that entered is put back, by recompute.
[[nodiscard]] SchedulerOptions vllm_v1();
/// SGLang v0.5: prefills go first and alone, pages of one token, admission by token ratio.
[[nodiscard]] SchedulerOptions sglang();
/// TensorRT-LLM v1: GUARANTEED_NO_EVICT (its default), in-flight batching with chunked context.
[[nodiscard]] SchedulerOptions tensorrt_llm();
/// TensorRT-LLM v1 with MAX_UTILIZATION: admits on demand, pauses the last that entered.
[[nodiscard]] SchedulerOptions tensorrt_llm_max_utilization();
/// NxD Inference: one prompt at a time, whole, in a graph of its own; then decodes.
[[nodiscard]] SchedulerOptions nxd_inference();
/// Static batching on Neuron (Transformers-NeuronX, NxD Inference without continuous batching):
/// prompts are padded to the longest and prefilled together, rows that are done stay as padding.
/// The wait is TorchServe's maxBatchDelay, 100 ms, in front of it.
[[nodiscard]] SchedulerOptions neuron_static();

[[nodiscard]] const char* to_string(Capacity capacity);
[[nodiscard]] const char* to_string(Preemption preemption);

}  // namespace tightrope::serving
