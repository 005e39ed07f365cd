"""Writes what torchvision and timm build and compute.

    export_networks.py FOLDER

torchvision-tensors.tsv, timm-tensors.tsv: names and shapes of B0 to B7, counters left out. A line is a module, its
tensors of one shape, and that shape in each variant (- where there is none).
NAME-reference.safetensors of three small networks, 10 classes, two images, dropout and stochastic depth off:
eval_logits, train_logits, train_loss, grad.<parameter>, after.<running statistic>. Weights and images are hashes of
name and index, so that they need not be stored.
"""
import json
import math
import struct
import sys
import zlib
from functools import partial

import numpy
import timm
import torch
import torchvision
from timm.models import efficientnet as timm_efficientnet
from torchvision.models import efficientnet as torchvision_efficientnet

folder = sys.argv[1]
LABELS = [3, 7]


# --- Names and shapes ---------------------------------------------------------------------------

def tensor_table(create):
    table = {}
    for variant in range(8):
        shapes = {}
        for name, tensor in create(variant).state_dict().items():
            if not name.endswith("num_batches_tracked"):
                module, leaf = name.rsplit(".", 1)
                shapes.setdefault((module, "x".join(map(str, tensor.shape))), []).append(leaf)
        for (module, shape), leaves in shapes.items():
            table.setdefault((module, ",".join(leaves)), ["-"] * 8)[variant] = shape
    return table


def write_table(library, create):
    with open(f"{folder}/{library}-tensors.tsv", "w") as file:
        file.write("module\ttensors\t" + "\t".join(f"b{v}" for v in range(8)) + "\n")
        for (module, leaves), shapes in sorted(tensor_table(create).items()):
            file.write("\t".join([module, leaves, *shapes]) + "\n")


# --- Small networks -----------------------------------------------------------------------------

def hashed(name, count):
    """count values in [0, 1) of 24 bits."""
    x = (numpy.arange(count, dtype=numpy.uint64) + zlib.crc32(name.encode()) * 0x9E3779B1) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    x = (x * 0x85EBCA6B) & 0xFFFFFFFF
    x = x ^ (x >> 13)
    x = (x * 0xC2B2AE35) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return (x >> 8).astype(numpy.float64) / 2**24


def weight(name, shape):
    values = hashed(name, math.prod(shape))
    if len(shape) > 1:
        values = (2 * values - 1) * math.sqrt(3 / math.prod(shape[1:]))
    elif name.endswith((".running_var", ".weight")):
        values = 0.5 + values
    else:
        values = 0.4 * values - 0.2
    return torch.from_numpy(values.astype(numpy.float32)).reshape(shape)


def write_safetensors(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        values = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_reference(name, model, px):
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                tensor.copy_(weight(key, tensor.shape))
    images = torch.from_numpy((3.4 * hashed("images", 2 * 3 * px * px) - 1.7).astype(numpy.float32)).reshape(2, 3, px, px)
    model.eval()
    with torch.no_grad():
        out = {"eval_logits": model(images)}
    model.train()
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))
    loss.backward()
    out.update(train_logits=logits, train_loss=loss.reshape(1))
    out.update(("grad." + key, parameter.grad) for key, parameter in model.named_parameters())
    out.update(("after." + key, buffer) for key, buffer in model.named_buffers() if ".running_" in key)
    write_safetensors(f"{folder}/{name}-reference.safetensors", out)
    print(name, sum(p.numel() for p in model.parameters()), "parameters, loss", loss.item())


def torchvision_network(width, depth, **batch_norm):
    blocks = [
        torchvision_efficientnet.MBConvConfig(expand, kernel, stride, inputs, outputs, repeats, width, depth)
        for expand, kernel, stride, inputs, outputs, repeats in (
            (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3),
            (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1))
    ]
    return torchvision_efficientnet.EfficientNet(
        blocks, dropout=0, stochastic_depth_prob=0, num_classes=10,
        norm_layer=partial(torch.nn.BatchNorm2d, **batch_norm))


def timm_network(name, width, depth, **more):
    return timm_efficientnet._gen_efficientnet(
        name, channel_multiplier=width, depth_multiplier=depth, num_classes=10, drop_rate=0, drop_path_rate=0, **more)


print("torch", torch.__version__, "torchvision", torchvision.__version__, "timm", timm.__version__)
write_table("torchvision", lambda v: getattr(torchvision.models, f"efficientnet_b{v}")())
write_table("timm", lambda v: timm.create_model(f"efficientnet_b{v}"))
for v in range(8):  # The ports from TensorFlow have the same tensors.
    theirs = timm.create_model(f"tf_efficientnet_b{v}").state_dict()
    ours = timm.create_model(f"efficientnet_b{v}").state_dict()
    assert {k: t.shape for k, t in theirs.items()} == {k: t.shape for k, t in ours.items()}
write_reference("timm-odd", timm_network("efficientnet_b0", 0.25, 1.0), 61)
write_reference(
    "timm-tf", timm_network("tf_efficientnet_b0", 0.25, 1.0, pad_type="same", bn_eps=1e-3, bn_momentum=0.01), 64)
write_reference("torchvision-deep", torchvision_network(0.15, 1.2, eps=1e-3, momentum=0.01), 75)
