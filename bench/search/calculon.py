#!/usr/bin/env python3
"""Asks Calculon, from a checkout of its repository, what bench_search compares.

usage: calculon.py CHECKOUT < question.json > answer.json

question: model, ranks, batch, host_tier; sample: plans to draw evenly at random from its option
space (0: all of them); plan: an execution without its networks, to be tried on all of them.
answer: listed, evaluated, feasible, cpu_seconds; best and given, each with `execution` and
`step_time_s`, or null.
"""
import itertools
import json
import logging
import os
import random
import sys
import time

RECOMPUTE = ["full", "attn_only", "none"]
EXCHANGE = ["ar", "p2p_rs_ag", "rs_ag"]


def outer_choices(llm, app, ranks, batch):
    """Everything that the number of inner choices depends on."""
    for tp in llm.get_all_tensor_parallelisms(ranks, app.hidden, app.attn_heads):
        for pp in llm.get_all_pipeline_parallelisms(ranks, tp, app.num_blocks):
            dp = llm.get_data_parallelism(ranks, tp, pp)
            if batch % dp != 0:
                continue
            for vp in llm.get_valid_pipeline_interleavings(app.num_blocks, pp):
                for recompute in RECOMPUTE:
                    for exchange in EXCHANGE:
                        yield tp, pp, dp, vp, recompute, exchange


def inner_choices(llm, app, batch, networks, host, outer):
    """Lists of values, in the order of the names in `execution`."""
    tp, pp, dp, _, recompute, exchange = outer
    both = [True, False]
    some = range(networks)
    return [
        both if dp > 1 else [False],
        both if llm.can_redo_ag(exchange, recompute) else [False],
        both if dp > 1 else [False],
        ["none", "ring", "pipe"] if tp > 1 else ["none"],
        both if host else [False],
        both if host and recompute != "full" else [False],
        both if host else [False],
        list(llm.get_valid_microbatch_sizes(app.seq_size, tp, dp, batch, pp)),
        some if tp > 1 else [0],
        some if pp > 1 else [0],
        some if dp > 1 else [0],
    ]


def execution(ranks, batch, outer, inner):
    tp, pp, dp, vp, recompute, exchange = outer
    (shard, redo, dp_overlap, tp_overlap, weights, activations, optimizer, micro, tp_net, pp_net,
     dp_net) = inner
    return {
        "num_procs": ranks, "tensor_par": tp, "pipeline_par": pp, "data_par": dp,
        "tensor_par_net": tp_net, "pipeline_par_net": pp_net, "data_par_net": dp_net,
        "batch_size": batch, "microbatch_size": micro, "datatype": "float16",
        "fused_activation": True, "attention_type": "multihead",
        "activation_recompute": recompute, "pipeline_interleaving": vp,
        "optimizer_sharding": shard, "tensor_par_comm_type": exchange,
        "tensor_par_overlap": tp_overlap, "seq_par_ag_redo": redo,
        "data_par_overlap": dp_overlap, "weight_offload": weights,
        "activations_offload": activations, "optimizer_offload": optimizer, "training": True,
    }


class Space:
    """The option space as a sequence: number of plans, and the plan at an index."""

    def __init__(self, llm, app, system, question):
        self.ranks, self.batch = question["ranks"], question["batch"]
        self.groups = []
        self.total = 0
        for outer in outer_choices(llm, app, self.ranks, self.batch):
            lists = inner_choices(llm, app, self.batch, system.num_networks,
                                  system.mem2.capacity > 0, outer)
            size = 1
            for values in lists:
                size *= len(values)
            self.groups.append((self.total, outer, lists))
            self.total += size

    def plans(self, indices):
        """Executions at sorted indices."""
        group = 0
        for index in indices:
            while group + 1 < len(self.groups) and self.groups[group + 1][0] <= index:
                group += 1
            start, outer, lists = self.groups[group]
            rest, inner = index - start, []
            for values in reversed(lists):
                inner.append(values[rest % len(values)])
                rest //= len(values)
            yield execution(self.ranks, self.batch, outer, reversed(inner))


def step_time(llm, app, system, plan, logger):
    """Seconds a step, or None when Calculon refuses the plan."""
    try:
        model = llm(app, logger)
        model.compile(system, llm.Execution.from_json(plan))
        model.run(system)
        return plan["batch_size"] / model.get_stats_json(False)["sample_rate"]
    except llm.Error:
        return None


def best_network(run, plan, networks):
    """A plan on each assignment of its dimensions to networks; the fastest."""
    best = None
    for nets in itertools.product(range(networks), repeat=3):
        names = ("tensor_par_net", "pipeline_par_net", "data_par_net")
        tried = dict(plan, **dict(zip(names, nets)))
        seconds = run(tried)
        if seconds is not None and (best is None or seconds < best["step_time_s"]):
            best = {"execution": tried, "step_time_s": seconds}
    return best


def main():
    checkout = sys.argv[1]
    sys.path.insert(0, checkout)
    from calculon import io
    from calculon.llm import Llm
    from calculon.system import System
    question = json.load(sys.stdin)
    app = Llm.Application(io.read_json_file(
        os.path.join(checkout, "models", question["model"] + ".json")))
    machine = io.read_json_file(os.path.join(checkout, "systems", "a100_80g.json"))
    if not question["host_tier"]:
        machine["mem2"]["GiB"] = 0
    system = System(machine)
    logger = logging.Logger("bench")

    def run(plan):
        return step_time(Llm, app, system, plan, logger)

    space = Space(Llm, app, system, question)
    indices = range(space.total)
    if question["sample"] > 0:
        indices = sorted(random.Random(1).sample(indices, question["sample"]))
    best, feasible, evaluated = None, 0, 0
    start = time.process_time()
    for plan in space.plans(indices):
        evaluated += 1
        seconds = run(plan)
        if seconds is None:
            continue
        feasible += 1
        if best is None or seconds < best["step_time_s"]:
            best = {"execution": plan, "step_time_s": seconds}
    spent = time.process_time() - start
    json.dump({
        "listed": space.total, "evaluated": evaluated, "feasible": feasible,
        "cpu_seconds": spent, "best": best,
        "given": best_network(run, question["plan"], system.num_networks),
    }, sys.stdout)


if __name__ == "__main__":
    main()
