"""Writes tensorboard-reference.tfevents with TensorBoard's own writer (tensorboard 2.21.0).

    export_events.py FILE
"""
import sys

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

START = 1234.5
EVENTS = [
    (0, [("train/loss", 2.3025851), ("train/accuracy", 0.125)]),
    (300, [("train/loss", float("nan")), ("round/seconds", 1e-3)]),
    (1 << 40, [("x" * 200, -1.5)]),
]


def summary(values):
    return summary_pb2.Summary(
        value=[summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in values])


with open(sys.argv[1], "wb") as file:
    writer = RecordWriter(file)
    first = event_pb2.Event(wall_time=START, file_version="brain.Event:2")
    writer.write(first.SerializeToString())
    for step, values in EVENTS:
        event = event_pb2.Event(wall_time=START + step, step=step, summary=summary(values))
        writer.write(event.SerializeToString())
