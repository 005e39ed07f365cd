"""Images/s of two executors with one core each against one, training the same network: runs of one epoch in turns.

  executors.py RUNS OPTION...

RUNS pairs of runs of `jobs/bin/phiscale train` on Spark's local-cluster; the options are train's (--config FILE, --set KEY=VALUE)
and name shards that are there. Prints, for each number of executors, medians over the rounds of all its runs (without the first
of each run, in which Java warms up), of whole rounds only.
"""
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

runs = int(sys.argv[1])
options = sys.argv[2:]
launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "jobs", "bin", "phiscale")
rounds = {1: [], 2: []}
for run in range(runs):
    for executors in (1, 2) if run % 2 == 0 else (2, 1):
        folder = tempfile.mkdtemp()
        subprocess.run(
            [launcher, "train", *options, "--set", f"spark.master=local-cluster[{executors},1,3072]",
             "--set", "spark.properties.\"spark.executor.memory\"=3g", "--set", f"train.workers={executors}",
             "--set", f"train.output={folder}"],
            check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for name in sorted(glob.glob(folder + "/metrics/*.jsonl")) for line in open(name)]
        images = [b["images"] - a["images"] for a, b in zip([{"images": 0}] + lines, lines)]
        rounds[executors] += [r for r, n in list(zip(lines, images))[1:] if n == max(images)]
        shutil.rmtree(folder)
rates = {}
for executors, of in rounds.items():
    rates[executors] = statistics.median(r["imagesPerSecond"] for r in of)
    share = lambda key: 100 * statistics.median(r[key] / r["seconds"] for r in of)
    print(f"{executors} executors: {rates[executors]:.1f} images/s, median of {len(of)} rounds of"
          f" {statistics.median(r['seconds'] for r in of):.1f} s; compute {share('computeSeconds'):.1f} %,"
          f" data wait {share('waitSeconds'):.1f} %, averaging and Spark {share('averagingSeconds'):.1f} %")
print(f"ratio {rates[2] / rates[1]:.2f}")
