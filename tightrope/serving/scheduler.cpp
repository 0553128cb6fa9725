#include "tightrope/serving/scheduler.h"

namespace tightrope::serving {

SchedulerOptions vllm_v1() { return {}; }

SchedulerOptions sglang() {
  SchedulerOptions o;
  o.block_tokens = 1;
  o.mixed = false;
  o.capacity = Capacity::token_ratio;
  return o;
}

SchedulerOptions tensorrt_llm() {
  SchedulerOptions o;
  o.max_sequences = 2048;
  o.block_tokens = 32;
  o.capacity = Capacity::whole_output;
  return o;
}

SchedulerOptions tensorrt_llm_max_utilization() {
  SchedulerOptions o = tensorrt_llm();
  o.capacity = Capacity::on_demand;
  return o;
}

SchedulerOptions nxd_inference() {
  SchedulerOptions o;
  o.chunked_prefill = false;
  o.mixed = false;
  o.max_prefills = 1;
  o.prefix_cache = false;
  o.capacity = Capacity::whole_output;
  return o;
}

SchedulerOptions neuron_static() {
  SchedulerOptions o = nxd_inference();
  o.max_prefills = 0;
  o.static_batches = true;
  return o;
}

const char* to_string(Capacity capacity) {
  switch (capacity) {
    case Capacity::on_demand: return "on_demand";
    case Capacity::whole_output: return "whole_output";
    case Capacity::token_ratio: return "token_ratio";
  }
  return "";
}

const char* to_string(Preemption preemption) {
  switch (preemption) {
    case Preemption::recompute: return "recompute";
    case Preemption::swap: return "swap";
  }
  return "";
}

}  // namespace tightrope::serving
