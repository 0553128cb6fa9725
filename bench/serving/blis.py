#!/usr/bin/env python3
"""Asks BLIS (inference-sim), from a checkout in which its program `blis` lies, what bench_serving asks.

usage: blis.py CHECKOUT < question.json > answer.json

question: trace (our own CSV), requests (of its first), costs of an iteration in microseconds:
`step`, `prefill_token`, `sequence`, `decode_key`; token_budget, max_sequences, block_tokens,
kv_tokens.
answer: finished, cpu_seconds, ttft_mean_s, itl_mean_s, e2e_mean_s, ttft_p99_s.

BLIS multiplies costs that it derives from a model and a chip by coefficients. Two of them are
linear in what is asked: keys and values written of a prompt's tokens, and read of a sequence's.
Those are set so that an iteration costs what the question says; the others are 0.
"""
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile

MODEL, CHIP = "llama-3.1-8b-instruct", "H100"
COLUMNS = (
    "request_id client_id tenant_id slo_class session_id round_index prefix_group prefix_length "
    "streaming input_tokens output_tokens text_tokens image_tokens audio_tokens video_tokens "
    "reason_ratio model deadline_us server_input_tokens arrival_time_us send_time_us "
    "first_chunk_time_us last_chunk_time_us num_chunks status error_message finish_reason").split()


def write_trace(question, folder):
    header, data = os.path.join(folder, "trace.yaml"), os.path.join(folder, "trace.csv")
    with open(header, "w") as out:
        out.write("trace_version: 2\ntime_unit: us\nmode: generated\nwarm_up_requests: 0\n")
    with open(question["trace"]) as rows, open(data, "w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, restval="0", lineterminator="\n")
        writer.writeheader()
        for number, row in enumerate(csv.DictReader(rows)):
            if number == question["requests"]:
                break
            at = round(1e6 * float(row["arrival_s"]))
            texts = dict.fromkeys(("client_id tenant_id slo_class session_id prefix_group model "
                                   "error_message finish_reason").split(), "")
            writer.writerow({**texts, "request_id": number, "streaming": "false", "status": "ok",
                             "input_tokens": row["input_tokens"],
                             "text_tokens": row["input_tokens"],
                             "output_tokens": row["output_tokens"],
                             "arrival_time_us": at, "send_time_us": at})
    return header, data


def token_microseconds(checkout):
    """To write or read one token's keys and values, as BLIS derives it."""
    with open(os.path.join(checkout, "model_configs", MODEL, "config.json")) as file:
        c = json.load(file)
    with open(os.path.join(checkout, "hardware_config.json")) as file:
        bytes_per_us = json.load(file)[CHIP]["BwPeakTBs"] * 1e6
    head = c["hidden_size"] // c["num_attention_heads"]
    return c["num_hidden_layers"] * 2 * c["num_key_value_heads"] * head * 2 / bytes_per_us


def main():
    checkout = sys.argv[1]
    question = json.load(sys.stdin)
    costs, token = question["costs"], token_microseconds(checkout)
    beta = [0, 0, 0, 0, 0, costs["sequence"], costs["step"], 0, costs["prefill_token"] / token,
            costs["decode_key"] / token, 0]
    with tempfile.TemporaryDirectory() as folder:
        header, data = write_trace(question, folder)
        metrics = os.path.join(folder, "metrics.json")
        subprocess.run(
            [os.path.join(os.path.abspath(checkout), "blis"), "replay", "--model", MODEL,
             "--hardware", CHIP, "--tp", "1", "--latency-model", "trained-physics",
             "--beta-coeffs", ",".join(map(repr, beta)), "--alpha-coeffs", "0,0,0",
             "--model-config-folder", os.path.join("model_configs", MODEL),
             "--hardware-config", "hardware_config.json", "--max-model-len", "100000",
             "--trace-header", header, "--trace-data", data, "--horizon", str(10**11),
             "--total-kv-blocks", str(question["kv_tokens"] // question["block_tokens"]),
             "--block-size-in-tokens", str(question["block_tokens"]),
             "--max-num-seqs", str(question["max_sequences"]),
             "--max-num-batched-tokens", str(question["token_budget"]),
             "--metrics-path", metrics], check=True, cwd=checkout, stdout=subprocess.DEVNULL)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(metrics) as file:
            told = json.load(file)
    json.dump({"finished": told["completed_requests"],
               "cpu_seconds": used.ru_utime + used.ru_stime,
               "peak_megabytes": used.ru_maxrss / 1024,
               **{key + "_s": told[key + "_ms"] / 1e3
                  for key in ("ttft_mean", "itl_mean", "e2e_mean", "ttft_p99")}}, sys.stdout)


main()
