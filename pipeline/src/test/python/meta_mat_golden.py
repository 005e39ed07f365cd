"""Writes ../resources/imagenet/meta.mat by scipy, as MATLAB wrote the development kit's.

Struct array synsets, compressed, with the fields that ILSVRC2012_devkit_t12/readme.txt, section
2.1, lists; five synsets in place of 1,860, the last two internal nodes of the hierarchy.

    python meta_mat_golden.py ../resources/imagenet/meta.mat
"""

import sys

import numpy as np
from scipy.io import savemat

ROWS = [
    (1, "n02119789", "kit fox, Vulpes macrotis", "small grey fox", 0, [], 0, 1300),
    (2, "n02100735", "English setter", "an English breed", 0, [], 0, 1300),
    (3, "n01440764", "tench, Tinca tinca", "freshwater dace-like game fish", 0, [], 0, 1300),
    (4, "n02084071", "dog, domestic dog", "a member of the genus Canis", 1, [2], 2, 0),
    (5, "n00001740", "entity", "that which is perceived", 2, [3, 4], 5, 0),
]
FIELDS = [
    "ILSVRC2012_ID",
    "WNID",
    "words",
    "gloss",
    "num_children",
    "children",
    "wordnet_height",
    "num_train_images",
]

synsets = np.zeros((len(ROWS), 1), dtype=[(name, object) for name in FIELDS])
for i, row in enumerate(ROWS):
    for name, value in zip(FIELDS, row):
        if isinstance(value, int):
            value = np.array([[float(value)]])
        elif isinstance(value, list):
            value = np.array([value], dtype=float)
        synsets[name][i, 0] = value

savemat(sys.argv[1], {"synsets": synsets}, do_compression=True)
