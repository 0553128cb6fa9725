#!/usr/bin/env python3
"""Asks Vidur, from a checkout of it, what bench_serving asks. Needs numpy, pandas, scikit-learn,
ddsketch and fasteners; its plotting and logging services are not used.

usage: ask_vidur.py CHECKOUT < question.json > answer.json

question and answer: as in blis.py. Vidur's predictor of times is replaced by the question's costs,
since its own needs tables of measured attention; so its trees are neither trained nor asked, and
it stores no metrics, which makes it faster than it is in use. CPU seconds are those after the
imports. The scheduler is Sarathi's, whose chunks are vLLM v1's.
"""
import importlib.util
import os
import resource
import sys
import tempfile
import time
import types

from peer_question import answer, iteration_seconds, read_question

MODEL = "meta-llama/Llama-2-70b-hf"


def stand_in(*names):
    """Modules that are imported but not used here."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = types.ModuleType(name)


def write_trace(requests, folder):
    path = os.path.join(folder, "trace.csv")
    with open(path, "w") as out:
        out.write("arrived_at,num_prefill_tokens,num_decode_tokens\n")
        for arrival, prompt, written in requests:
            out.write(f"{arrival!r},{prompt},{written}\n")
    return path


def told_costs(base, execution_time, costs):
    """A predictor of Vidur's that knows the question's costs."""

    def seconds(batch):
        keys = sum(r.num_processed_tokens for r in batch.requests if r.is_prefill_complete)
        return iteration_seconds(costs, batch.num_prefill_tokens, batch.size, keys)

    def get_execution_time(_self, batch, _stage):
        # All of it as time of the host, in milliseconds; layers take none.
        return execution_time(1, *[0.0] * 14, 1e3 * seconds(batch), *[0.0] * 4)

    members = {name: (lambda self, batch: 0.0) for name in base.__abstractmethods__}
    members["get_execution_time"] = get_execution_time
    return type("ToldCosts", (base,), members)


def main():
    checkout = os.path.abspath(sys.argv[1])
    question, requests = read_question()
    told, sys.stdout = sys.stdout, sys.stderr  # it logs to what it takes for the output
    sys.path.insert(0, checkout)
    stand_in("wandb", "plotly_express", "kaleido")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # it writes its configuration where it runs
        from vidur.config import SimulationConfig
        from vidur.entities import ExecutionTime
        from vidur.execution_time_predictor import (BaseExecutionTimePredictor,
                                                    ExecutionTimePredictorRegistry)
        from vidur.simulator import Simulator
        from vidur.types import ExecutionTimePredictorType
        key = ExecutionTimePredictorType.LINEAR_REGRESSION
        ExecutionTimePredictorRegistry.unregister(key)
        ExecutionTimePredictorRegistry.register(
            key, told_costs(BaseExecutionTimePredictor, ExecutionTime, question["costs"]))
        sys.argv[1:] = [
            "--replica_config_model_name", MODEL, "--replica_config_tensor_parallel_size", "8",
            "--replica_config_device", "h100", "--replica_config_network_device", "h100_dgx",
            "--request_generator_config_type", "trace_replay",
            "--trace_request_generator_config_trace_file", write_trace(requests, folder),
            "--trace_request_generator_config_time_scale_factor", "1",
            "--trace_request_generator_config_max_tokens", "100000",
            "--replica_scheduler_config_type", "sarathi",
            "--sarathi_scheduler_config_chunk_size", str(question["token_budget"]),
            "--sarathi_scheduler_config_batch_size_cap", str(question["max_sequences"]),
            "--sarathi_scheduler_config_block_size", str(question["block_tokens"]),
            "--sarathi_scheduler_config_watermark_blocks_fraction", "0",
            "--sarathi_scheduler_config_num_blocks",
            str(question["kv_tokens"] // question["block_tokens"]),
            "--execution_time_predictor_config_type", "linear_regression",
            "--log_level", "warning", "--no-metrics_config_write_metrics",
            "--no-metrics_config_enable_chrome_trace"]
        begin = time.process_time()
        simulator = Simulator(SimulationConfig.create_from_cli_args())
        served = [event._request for _, event in simulator._event_queue]
        simulator.run()
        spent = time.process_time() - begin
    done = [r for r in served if r.completed]
    answer([r.prefill_completed_at - r.arrived_at for r in done], [r.e2e_time for r in done],
           [requests[i][2] for i, r in enumerate(served) if r.completed],
           {"cpu_seconds": spent,
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}, told)


main()
