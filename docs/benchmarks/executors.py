"""Images/s of two executors with one core each against one, training the same network in turns.

  executors.py [--confine] SECONDS OPTION...

Two runs of `jobs/bin/phiscale train` on Spark's local-cluster, one of one executor and one of two; one of them is always stopped
(SIGSTOP), for SECONDS at a time, so that both see the same minutes of a shared machine. SECONDS has to be well below Spark's
time-outs (120 s). The options are train's (--config FILE, --set KEY=VALUE) and name shards that are there; take enough epochs.
A round's time is that from the end of the round before, less what fell into stops. Counted are whole rounds of both runs from
the third round on (Java warms up) until the first run ends; shares of a round are of those that no stop cut.

Without --confine, what a JVM does beside its task (reading images ahead, collecting garbage, compiling) and the driver use the
cores that executors leave idle, which only the run of one executor has. With --confine a run has as many cores as executors,
for everything: the run of one, its driver included, is held on one core; that of two on two, each executor on its own.
"""
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

arguments = sys.argv[1:]
confine = arguments[0] == "--confine"
if confine:
    del arguments[0]
turn = float(arguments[0])
options = arguments[1:]
if confine:
    # Containers of one core tell a JVM so.
    options += ["--set", "spark.properties.\"spark.executor.extraJavaOptions\"="
                "--add-modules=jdk.incubator.vector -XX:ActiveProcessorCount=1"]
cores = sorted(os.sched_getaffinity(0))
launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "jobs", "bin", "phiscale")
folders = {executors: tempfile.mkdtemp() for executors in (1, 2)}
running = {}
for executors, folder in folders.items():
    with open(os.path.join(folder, "log"), "wb") as log:
        held = ["taskset", "-c", ",".join(str(core) for core in cores[:executors])] if confine else []
        running[executors] = subprocess.Popen(
            [*held, launcher, "train", *options, "--set", f"spark.master=local-cluster[{executors},1,3072]",
             "--set", "spark.properties.\"spark.executor.memory\"=3g", "--set", f"train.workers={executors}",
             "--set", f"train.output={folder}/run"],
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def send(executors, sign):
    """To the launcher, the driver and the executors: one process group."""
    if running[executors].poll() is None:
        os.killpg(running[executors].pid, sign)


def hold_executors():
    """Each executor of the run of two on a core of its own, threads that it has; later ones inherit it."""
    processes = []
    for process in glob.glob("/proc/[0-9]*"):
        try:
            with open(process + "/cmdline", "rb") as line:
                backend = b"CoarseGrainedExecutorBackend" in line.read()
            if backend and os.getpgid(int(os.path.basename(process))) == running[2].pid:
                processes.append(process)
        except (FileNotFoundError, ProcessLookupError):
            pass
    for core, process in zip(cores, sorted(processes, key=lambda p: int(os.path.basename(p)))):
        for thread in os.listdir(process + "/task"):
            try:
                os.sched_setaffinity(int(thread), {core})
            except ProcessLookupError:
                pass


stops = {1: [], 2: []}
current, other = 1, 2
send(other, signal.SIGSTOP)
stopped = time.time()
ended = None
while any(p.poll() is None for p in running.values()):
    until = time.time() + turn
    if confine:
        hold_executors()
    while time.time() < until and running[current].poll() is None:
        time.sleep(0.02)
    if ended is None and running[current].poll() is not None:
        ended = time.time()
    if running[other].poll() is None:
        send(current, signal.SIGSTOP)
        send(other, signal.SIGCONT)
        now = time.time()
        stops[other].append((stopped, now))
        stopped = now
        current, other = other, current

rates = {}
for executors, folder in folders.items():
    if running[executors].returncode != 0:
        sys.exit(f"The run of {executors} executors failed, see {folder}/log")
    lines = [json.loads(line) for name in sorted(glob.glob(folder + "/run/metrics/*.jsonl")) for line in open(name)]
    rounds = []
    for before, line in list(zip(lines, lines[1:]))[1:]:
        cut = sum(max(0, min(end, line["unixSeconds"]) - max(begin, before["unixSeconds"])) for begin, end in stops[executors])
        rounds.append({**line, "cut": cut, "of": line["images"] - before["images"],
                       "active": line["unixSeconds"] - before["unixSeconds"] - cut})
    whole = max(r["of"] for r in rounds)
    rounds = [r for r in rounds if r["of"] == whole and r["unixSeconds"] <= ended]
    rates[executors] = statistics.median(whole / r["active"] for r in rounds)
    uncut = [r for r in rounds if r["cut"] == 0]
    share = lambda key: 100 * statistics.median(r[key] / r["active"] for r in uncut)
    print(f"{executors} executors: {rates[executors]:.1f} images/s, median of {len(rounds)} rounds of"
          f" {statistics.median(r['active'] for r in rounds):.2f} s; shares of {len(uncut)} of them: compute {share('computeSeconds'):.1f} %,"
          f" data wait {share('waitSeconds'):.1f} %, slowest worker {share('straggleSeconds'):.1f} %,"
          f" averaging and Spark {share('averagingSeconds'):.1f} %", flush=True)
    shutil.rmtree(folder)
print(f"ratio {rates[2] / rates[1]:.2f}")
