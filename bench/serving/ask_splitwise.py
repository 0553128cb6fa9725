#!/usr/bin/env python3
"""Asks splitwise-sim, from a checkout of it, what bench_serving asks. Needs its numpy, pandas,
scipy, networkx and hydra-core.

usage: ask_splitwise.py CHECKOUT < question.json > answer.json

question and answer: as in blis.py. Its database of times is replaced by the question's costs (this
file is also the module from which it loads `ToldCosts`). Its rules are ORCA's: whole prompts, all
that wait join; a run of decode steps takes its first step's time for each, so that keys must cost
nothing for an answer to agree. It crashes on a request at time 0: all come a second later. CPU
seconds are those after the imports.
"""
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LATER_S = 1.0
# Its own top configuration asks for a launcher of Ray; the groups below are its files.
CONFIG = """
defaults:
  - router: noop
  - arbiter: noop
  - cluster: dgx-h100
  - hardware_repo: default
  - model_repo: default
  - orchestrator_repo: default
  - power_model: constant
  - applications: solo
  - start_state: orca
  - _self_
end_time: 1e12
debug: False
seed: 0
trace: {path: ""}
performance_model: {_target_: ask_splitwise.ToldCosts, file: ""}
cluster: {servers: [{sku: dgx-a100, count: 0}, {sku: dgx-h100, count: 1}]}
applications:
  - {application_id: 0, model_architecture: llama2-70b, model_size: llama2-70b-fp16,
     allocator: noop, scheduler: token_jsq, overheads: {}, debug: False,
     _target_: application.Application}
hydra: {job: {chdir: True}}
"""


def write_trace(requests, path):
    with open(path, "w") as out:
        out.write("request_id,request_type,application_id,arrival_timestamp,batch_size,"
                  "prompt_size,token_size\n")
        for number, (arrival, prompt, written) in enumerate(requests):
            out.write(f"{number},2,0,{arrival + LATER_S!r},1,{prompt},{written}\n")


def main():
    from peer_question import answer, read_question
    checkout = os.path.abspath(sys.argv[1])
    question, requests = read_question()
    with tempfile.TemporaryDirectory() as folder:
        costs, trace = os.path.join(folder, "costs.json"), os.path.join(folder, "trace.csv")
        with open(costs, "w") as out:
            json.dump(question["costs"], out)
        write_trace(requests, trace)
        with open(os.path.join(folder, "peer.yaml"), "w") as out:
            out.write(CONFIG)
        subprocess.run(
            [sys.executable, "run.py", "--config-dir", folder, "--config-name", "peer",
             f"hydra.run.dir={folder}/out",
             f"start_state.instance.max_batch_size={question['max_sequences']}",
             f"performance_model.file={costs}", f"trace.path={trace}"],
            check=True, cwd=checkout, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": HERE})
        with open(os.path.join(folder, "out", "detailed", "0.csv")) as rows:
            done = list(csv.DictReader(rows))
        with open(costs + ".spent") as file:
            spent = json.load(file)
    answer([float(r["ttft_times"]) for r in done], [float(r["response_times"]) for r in done],
           [int(float(r["token_sizes"])) for r in done], spent)


if __name__ == "__main__":
    main()
else:
    import atexit

    from performance_model import PerformanceModel
    from peer_question import iteration_seconds
    from task import PromptTask

    class ToldCosts(PerformanceModel):
        """A performance model of splitwise-sim's that knows the question's costs."""

        def __init__(self, file):
            super().__init__()
            with open(file) as costs:
                self.costs = json.load(costs)
            self.begin = time.process_time()
            atexit.register(self.tell, file + ".spent")

        def tell(self, path):
            spent = {"cpu_seconds": time.process_time() - self.begin,
                     "peak_megabytes":
                         resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
            with open(path, "w") as out:
                json.dump(spent, out)

        def get_duration(self, task, batch, instance, *args, **kwargs):
            raise NotImplementedError

        def get_iteration_duration(self, batch, instance, *args, **kwargs):
            tokens = sum(t.request.prompt_size for t in batch if isinstance(t, PromptTask))
            return iteration_seconds(self.costs, tokens, len(batch), 0)
