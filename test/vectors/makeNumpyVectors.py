"""Arrays as NumPy writes them, for the reader of .npy and .npz files: python3 makeNumpyVectors.py > numpy.json"""

import base64
import io
import json
import sys

import numpy as np

values = np.array([[0, 1, 2, 3], [4, 5, 6, 120], [7, 8, 9, 10]])
fractions = np.array([[0.5, -1.25, 3.0e-5, 65504.0], [np.nan, 2.0, -0.0, 1.0], [6.1e-5, 7.75, 1e3, -2.5]])


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return base64.b64encode(file.getvalue()).decode()


def npz(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return base64.b64encode(file.getvalue()).decode()


def numbers(array):
    return [[None if np.isnan(x) else float(x) for x in row] for row in array]


cases = []
for letter in ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
    for order in ["<", ">"]:
        for layout in ["C", "F"]:
            array = np.asarray(fractions if letter[0] == "f" else values, dtype=np.dtype(letter).newbyteorder(order))
            array = np.array(array, order=layout)
            name = f"{order}{letter} {layout}"
            cases.append({"name": name, "npy": npy(array), "values": numbers(array.astype("f8"))})
archives = [
    {"name": name, "npz": npz(save, X=fractions.astype("f4"), genes=np.array(["TP53", "ß-Aktin", "日本", "g4"]), n=np.arange(3))}
    for name, save in [("stored", np.savez), ("deflated", np.savez_compressed)]
]
refused = {
    "pickled": npy(np.array([[{}, 1]], dtype=object)),
    "structured": npy(np.zeros(3, dtype=[("a", "f4"), ("b", "i4")])),
    "complex": npy(np.zeros((2, 2), dtype="c8")),
    "cube": npy(np.zeros((2, 2, 2))),
}
json.dump(
    {
        "source": f"NumPy {np.__version__}",
        "cases": cases,
        "archives": archives,
        "archiveValues": numbers(fractions.astype("f4").astype("f8")),
        "genes": ["TP53", "ß-Aktin", "日本", "g4"],
        "refused": refused,
    },
    sys.stdout,
    indent=1,
    ensure_ascii=False,
)
