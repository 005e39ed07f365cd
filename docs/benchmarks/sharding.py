"""How fast `phiscale shard` is, beside cp and a Python writer of WebDataset tars, on the same bytes.

  sharding.py speed SAMPLES.tar DIR [--images 4000] [--shards s3a://BUCKET/PATH --set KEY=VALUE ...]
  sharding.py memory DIR [--rows 1000000] [--heap 1g]

speed   repeats the images of a tar (CLASS_anything.JPEG) under new names until there are so many, as one tar, and times in
        turn: cp of this tar; a Python writer, which shuffles all images by a seed and writes tars of 128 MiB in
        WebDataset's format (KEY.cls, KEY.jpg), without and with a check that each image decodes (Pillow, where it is
        installed); `phiscale shard` on them, which also decodes each image. Then `phiscale shard` on ten images: what
        starting costs. The `webdataset` package is not needed: its writer does what the one here does.
memory  a table of so many rows, each an image of 8 x 8 px of its own name (hard links to a thousand files), sharded by a
        process with so little heap; also a tenth of the rows, so that one sees what grows.

Every line: wall seconds, images/s, MB/s (10^6 bytes of source), peak memory of the process. Data are read from the page
cache in all of them (they were just written), writes are followed by sync.
"""
import argparse
import io
import os
import random
import struct
import subprocess
import tarfile
import time
import zlib
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]


def measured(name, images, size, work):
    start = time.perf_counter()
    peak = work()
    os.sync()
    seconds = time.perf_counter() - start
    memory = f"{peak / 1024:7.0f} MiB" if peak else "          -"
    print(
        f"{name:34} {seconds:8.1f} s {images / seconds:9.0f} images/s {size / 1e6 / seconds:8.1f} MB/s {memory}"
        f"   load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def child(command, log, **environment):
    """Runs a process; its peak resident memory in KiB."""
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} failed; the end of {log}:\n" + Path(log).read_text(errors="replace")[-2000:])
    return usage.ru_maxrss


def forked(work):
    """Runs a function in a process of its own; its peak resident memory in KiB."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit("the Python writer failed")
    return usage.ru_maxrss


def add(tar, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def repeat(samples, tar_file, images):
    """A tar with so many images; their bytes."""
    with tarfile.open(samples) as tar:
        originals = [(Path(m.name).name, tar.extractfile(m).read()) for m in tar if m.isfile()]
    size = 0
    with tarfile.open(tar_file, "w") as out:
        for i in range(images):
            name, content = originals[i % len(originals)]
            stem, _, end = name.rpartition(".")
            add(out, f"{stem}-{i // len(originals)}.{end}", content)
            size += len(content)
    return size


def write_webdataset(source, folder, decode):
    """As webdataset.ShardWriter(maxsize=128 MiB), after a shuffle of all keys; images are read where they lie."""
    if decode:
        from PIL import Image
    folder.mkdir(parents=True)
    with tarfile.open(source) as tar:
        entries = [(m.name, m.offset_data, m.size) for m in tar]
    classes = {name: i for i, name in enumerate(sorted({e[0].split("_")[0] for e in entries}))}
    random.Random(0).shuffle(entries)
    file = open(source, "rb")
    out = None
    written = 0
    for name, offset, size in entries:
        file.seek(offset)
        content = file.read(size)
        if decode:
            Image.open(io.BytesIO(content)).convert("RGB").load()
        if out is None or written > 128 << 20:
            if out:
                out.close()
            out = tarfile.open(folder / f"shard-{len(list(folder.iterdir())):06}.tar", "w")
            written = 0
        key = name.rpartition(".")[0].replace(".", "_")
        add(out, key + ".cls", str(classes[name.split("_")[0]]).encode())
        add(out, key + ".jpg", content)
        written += size
    out.close()


def configuration(path, values):
    path.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    return path


def shard(folder, name, values, settings, **environment):
    config = configuration(folder / f"{name}.conf", values)
    command = [str(HOME / "jobs/bin/phiscale"), "shard", "--config", str(config)]
    for setting in settings:
        command += ["--set", setting]
    return child(command, folder / f"{name}.log", **environment)


def speed(arguments):
    folder = Path(arguments.folder)
    if folder.exists():
        raise SystemExit(f"{folder} exists: name a folder that does not")
    folder.mkdir(parents=True)
    source = folder / "source.tar"
    size = repeat(arguments.samples, source, arguments.images)
    few = repeat(arguments.samples, folder / "few.tar", 10)
    images = arguments.images
    print(f"{images} images, {size / 1e6:.0f} MB, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}", flush=True)
    measured("cp", images, size, lambda: child(["cp", source, folder / "copied.tar"], folder / "cp.log") and 0)
    measured("python tar writer", images, size, lambda: forked(lambda: write_webdataset(source, folder / "wds", False)))
    try:
        import PIL  # noqa: F401

        work = lambda: forked(lambda: write_webdataset(source, folder / "wds-decoded", True))  # noqa: E731
        measured("python tar writer that decodes", images, size, work)
    except ImportError:
        print("python tar writer that decodes: Pillow is not installed")
    for name, count, amount in (("source", images, size), ("few", 10, few)):
        shards = f"{arguments.shards}/{name}" if arguments.shards else str(folder / f"shards-{name}")
        values = {
            "name": f"shard-{name}",
            "data.source.layout": "name-prefix",
            "data.source.train": f'"{folder / name}.tar"',
            "data.shards": f'"{shards}"',
        }
        place = "s3a" if arguments.shards else "local"
        measured(
            f"phiscale shard, {place}, {count} images",
            count,
            amount,
            lambda: shard(folder, name, values, arguments.set),
        )


def png(number):
    """8 x 8 px RGB, of a colour of its own."""
    row = b"\0" + struct.pack(">I", number)[1:] * 8
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 8)) + chunk(b"IEND", b"")


def memory(arguments):
    folder = Path(arguments.folder)
    if folder.exists():
        raise SystemExit(f"{folder} exists: name a folder that does not")
    base = folder / "base"
    base.mkdir(parents=True)
    distinct = min(1000, arguments.rows)
    size = 0
    for i in range(distinct):
        size += (base / f"{i}.png").write_bytes(png(i))
    for i in range(arguments.rows):
        inside = folder / "images" / f"{i // 1000}"
        if i % 1000 == 0:
            inside.mkdir(parents=True)
        os.link(base / f"{i % distinct}.png", inside / f"{i}.png")
    for rows in (arguments.rows // 10, arguments.rows):
        table = folder / f"table-{rows}.csv"
        with open(table, "w") as out:
            out.write("uri,labels\n")
            for i in range(rows):
                out.write(f"{i // 1000}/{i}.png,class{i % 100}\n")
        values = {
            "name": f"rows-{rows}",
            "data.source.layout": "table",
            "data.source.train": f'"{table}"',
            "data.source.table.image-root": f'"{folder / "images"}"',
            "data.shards": f'"{folder / f"shards-{rows}"}"',
        }
        measured(
            f"phiscale shard, {rows} rows, heap {arguments.heap}",
            rows,
            size * rows / distinct,
            lambda: shard(folder, f"rows-{rows}", values, arguments.set, PHISCALE_HEAP=arguments.heap),
        )


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
commands = parser.add_subparsers(required=True)
of_speed = commands.add_parser("speed")
of_speed.add_argument("samples")
of_speed.add_argument("folder")
of_speed.add_argument("--images", type=int, default=4000)
of_speed.add_argument("--shards", help="where the shards go instead of the folder, such as s3a://BUCKET/PATH")
of_speed.set_defaults(run=speed)
of_memory = commands.add_parser("memory")
of_memory.add_argument("folder")
of_memory.add_argument("--rows", type=int, default=1_000_000)
of_memory.add_argument("--heap", default="1g")
of_memory.set_defaults(run=memory)
for each in (of_speed, of_memory):
    each.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for phiscale")
chosen = parser.parse_args()
chosen.run(chosen)
