"""Writes what timm, torchvision and Pillow make of a small picture, and timm's and torchvision's tables of policies.

    export_augmentations.py FOLDER

operations.tsv: name, argument, interpolation, picture, width, height, base64 of the result's (H, W, RGB) bytes. The
rows named "picture" are the inputs.
policies.tsv: "autoaugment" (policy, sub-policy, operation, probability, level), "choice" (policy, index, operation)
and "argument" (operation, level, argument; random signs are plus) of timm, "wide" (index, operation, whether signed,
magnitudes) of torchvision's TrivialAugmentWide, "cutmix" (side, share, row and column of the centre, box, corrected
share) of timm.
"""
import base64
import random
import sys
from unittest import mock

import numpy
import torch

# A CPU-only torch may lack the detection operations that torchvision's import names.
for operation in ("nms", "qnms"):
    try:
        torch.library.define("torchvision::" + operation, "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass  # defined already
from PIL import Image  # noqa: E402
from timm.data import auto_augment as timm_augment, mixup  # noqa: E402
from torchvision.transforms import InterpolationMode, autoaugment as torchvision_augment  # noqa: E402

folder = sys.argv[1]
MEAN = (124, 116, 104)


def varied():
    y, x = numpy.mgrid[0:11, 0:16]
    noise = numpy.random.RandomState(7).randint(-25, 26, (11, 16, 3))
    red = 16 * x + noise[..., 0]
    green = 240 - 21 * y + noise[..., 1]
    blue = 60 + 5 * x + 2 * y + noise[..., 2] // 4
    picture = numpy.clip(numpy.stack([red, green, blue], -1), 0, 255).astype(numpy.uint8)
    picture[3:8, 9:14] = (200, 30, 90)  # flat
    return Image.fromarray(picture)


PICTURES = {
    "varied": varied(),
    "flat": Image.new("RGB", (6, 5), (10, 200, 77)),
    "square": varied().crop((3, 0, 14, 11)),
    # Enough pixels for an equalisation whose step is above 1.
    "large": varied().resize((40, 30), Image.Resampling.BILINEAR),
}
rows = []


def row(name, argument, interpolation, picture, result):
    width, height = result.size
    data = base64.b64encode(numpy.asarray(result).tobytes()).decode()
    rows.append("\t".join([name, repr(argument), interpolation, picture, str(width), str(height), data]))


for name, picture in PICTURES.items():
    row("picture", 0.0, "-", name, picture)
for name, picture in PICTURES.items():
    for operation in ("AutoContrast", "Equalize", "Invert"):
        row(operation, 0.0, "-", name, timm_augment.NAME_TO_OP[operation](picture))
for operation, arguments in {
    "Posterize": [0, 1, 3, 4, 7, 8],
    "Solarize": [0, 25, 128, 256],
    "SolarizeAdd": [0, 33, 110, 128],
    "Color": [0.0, 0.1, 0.46, 1.0, 1.9],
    "Contrast": [0.0, 0.1, 0.82, 1.0, 1.9],
    "Brightness": [0.0, 0.1, 0.82, 1.0, 1.9],
    "Sharpness": [0.0, 0.1, 0.82, 1.0, 1.9],
}.items():
    for argument in arguments:
        row(operation, float(argument), "-", "varied", timm_augment.NAME_TO_OP[operation](PICTURES["varied"], argument))
row("Sharpness", 1.9, "-", "flat", timm_augment.NAME_TO_OP["Sharpness"](PICTURES["flat"], 1.9))
for interpolation, resample in {
    "NEAREST": Image.Resampling.NEAREST,
    "BILINEAR": Image.Resampling.BILINEAR,
    "BICUBIC": Image.Resampling.BICUBIC,
}.items():
    for operation, arguments in {
        "ShearX": [0.0, 0.12, -0.3, 0.99],
        "ShearY": [0.12, -0.3, 0.99],
        "TranslateX": [0.0, 3.0, -4.35, 30.0],
        "TranslateY": [2.0, -3.65],
        "Rotate": [0.0, 17.5, -30.0, 90.0, 135.0],
    }.items():
        for argument in arguments:
            result = timm_augment.NAME_TO_OP[operation](
                PICTURES["varied"], argument, resample=resample, fillcolor=MEAN)
            row(operation, argument, interpolation, "varied", result)
    row("Rotate", 90.0, interpolation, "square",
        timm_augment.rotate(PICTURES["square"], 90.0, resample=resample, fillcolor=MEAN))
# --- torchvision's forms of the same operations ---------------------------------------------------
for operation, argument in (("ShearX", 0.33), ("ShearY", 0.33), ("TranslateX", 4.9), ("TranslateY", -3.2),
                            ("Rotate", 94.5), ("Sharpness", 0.5), ("Color", -0.5), ("Contrast", -0.5),
                            ("Brightness", 0.5), ("Posterize", 2.0), ("Solarize", 59.5), ("AutoContrast", 0.0),
                            ("Equalize", 0.0), ("Identity", 0.0)):
    result = torchvision_augment._apply_op(
        PICTURES["varied"], operation, argument, interpolation=InterpolationMode.NEAREST, fill=None)
    row(operation, argument, "WIDE", "varied", result)
with open(folder + "/operations.tsv", "w") as file:
    file.write("\n".join(rows) + "\n")

# --- Policies -----------------------------------------------------------------------------------
lines = []
for name in ("v0", "v0r"):
    for index, sub_policy in enumerate(timm_augment.auto_augment_policy(name)):
        for op in sub_policy:
            lines.append(["autoaugment", name, index, op.name, repr(float(op.prob)), repr(float(op.magnitude))])
for name, operations in {
    "rand": timm_augment._RAND_TRANSFORMS,
    "rand-inc1": timm_augment._RAND_INCREASING_TRANSFORMS,
    "augmix": timm_augment._AUGMIX_TRANSFORMS,
}.items():
    for index, operation in enumerate(operations):
        lines.append(["choice", name, index, operation])
with mock.patch.object(random, "random", lambda: 0.25):  # plus
    for operation, rule in timm_augment.LEVEL_TO_ARG.items():
        if rule is None or operation in ("PosterizeOriginal", "Desaturate", "GaussianBlur", "GaussianBlurRand"):
            continue
        for level in (0, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9.5, 10):
            argument, = rule(level, dict(translate_const=100, translate_pct=0.45))
            lines.append(["argument", operation, repr(float(level)), repr(float(argument))])
wide = torchvision_augment.TrivialAugmentWide()._augmentation_space(31)
for index, (operation, (magnitudes, signed)) in enumerate(wide.items()):
    values = [float(value) for value in magnitudes] if magnitudes.ndim else [0.0]
    lines.append(["wide", index, operation, signed] + [repr(value) for value in values])
for side, share, y, x in ((224, 0.5, 100, 17), (224, 0.9, 0, 223), (33, 0.25, 32, 5), (32, 0.0, 16, 16)):
    with mock.patch.object(numpy.random, "randint", mock.Mock(side_effect=[y, x])):
        (top, bottom, left, right), corrected = mixup.cutmix_bbox_and_lam((3, side, side), share)
    lines.append(["cutmix", side, share, y, x, top, bottom, left, right, repr(float(corrected))])
with open(folder + "/policies.tsv", "w") as file:
    file.write("\n".join("\t".join(map(str, line)) for line in lines) + "\n")

