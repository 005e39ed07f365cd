"""Runs two long measurements in turns, so that both see the same minutes of a shared machine.

  in_turns.py COMMAND COMMAND [SECONDS]

Both commands start; one of them is always stopped (SIGSTOP), for SECONDS (default 4) at a time. Each has to print the
median of many steps at its end: the few steps that a stop has cut in two do not move a median, as long as SECONDS is
several steps. The first turns are three times as long, for warming up. Prints the last line of each command's output.
"""
import os
import signal
import subprocess
import sys
import time

commands = sys.argv[1:3]
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 4
running = [
    subprocess.Popen(c, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    for c in commands
]
os.killpg(running[1].pid, signal.SIGSTOP)
current = 0
turn = 0
while any(p.poll() is None for p in running):
    end = time.time() + (3 * seconds if turn < 2 else seconds)
    while time.time() < end and running[current].poll() is None:
        time.sleep(0.05)
    other = 1 - current
    if running[other].poll() is None:
        if running[current].poll() is None:
            os.killpg(running[current].pid, signal.SIGSTOP)
        os.killpg(running[other].pid, signal.SIGCONT)
        current = other
    turn += 1
for p in running:
    lines = p.stdout.read().decode().strip().splitlines()
    print(lines[-1] if lines else "no output")
