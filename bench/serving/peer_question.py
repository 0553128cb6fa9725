"""What the peers' scripts share: the question as bench_serving writes it, and the means it wants."""
import csv
import json
import sys


def read_question():
    """The question on standard input, and the requests of its trace as (arrival_s, input, output)."""
    question = json.load(sys.stdin)
    with open(question["trace"]) as rows:
        requests = [(float(row["arrival_s"]), int(row["input_tokens"]), int(row["output_tokens"]))
                    for row in csv.DictReader(rows)]
    return question, requests[:question["requests"]]


def iteration_seconds(costs, prompt_tokens, sequences, keys):
    """Of `sequences`: some prefill so many tokens of prompts, the others read `keys`."""
    return 1e-6 * (costs["step"] + costs["prefill_token"] * prompt_tokens
                   + costs["sequence"] * sequences + costs["decode_key"] * keys)


def percentile(values, share):
    """The least value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def answer(ttft, e2e, outputs, spent, out=sys.stdout):
    """Of finished requests: seconds to the first token and to the last, tokens written. `spent`:
    cpu_seconds and peak_megabytes."""
    gaps = sum(outputs) - len(outputs)
    json.dump({"finished": len(e2e), **spent,
               "ttft_mean_s": sum(ttft) / len(ttft), "ttft_p99_s": percentile(ttft, 99),
               "e2e_mean_s": sum(e2e) / len(e2e),
               "itl_mean_s": (sum(e2e) - sum(ttft)) / gaps}, out)
