"""Writes ../resources/webdataset/golden.tar by the webdataset library (1.0.2, writer.py@e0953f9).

    PYTHONPATH=webdataset/src python webdataset_golden.py ../resources/webdataset/golden.tar
"""

import sys

from webdataset.writer import TarWriter

SAMPLES = [
    {"__key__": "n01440764/10026", "cls": 7, "jpg": b"\xff\xd8not decoded\xff\xd9"},
    {"__key__": "plain", "json": b'{"label": 3}', "png": bytes(range(256)) * 3},
    {
        "__key__": "a/" * 40 + "long-name-" * 8 + "end",
        "cls": "tench",
        "jpg": b"x" * 512,
    },
    {"__key__": "n02/\u00e9t\u00e9", "cls": 0, "webp": b"w"},
]

with open(sys.argv[1], "wb") as stream:
    with TarWriter(stream, mtime=0, encoder={"cls": lambda n: str(n).encode("ascii")}) as writer:
        for sample in SAMPLES:
            writer.write(sample)
