"""Writes keras.json and keras-*.json / .safetensors: what Keras' own models answer.

Run: KERAS_BACKEND=jax python3 test/vectors/makeKerasVectors.py   (keras 3, jax, numpy)
"""
import json
import pathlib
import struct

import keras
import numpy as np
from keras import layers as L

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(7)


def image():
    x = keras.Input((11, 10, 2), name="scan")
    y = L.ZeroPadding2D(((1, 0), (2, 1)), name="Margin_1")(x)
    y = L.Conv2D(6, 3, strides=2, padding="same", use_bias=False, name="conv2d")(y)
    y = L.BatchNormalization(name="batch_normalization", epsilon=2e-3)(y)
    y = L.ReLU(max_value=6, name="re_lu")(y)
    a = L.DepthwiseConv2D((3, 2), depth_multiplier=2, padding="valid", activation="tanh", name="depthwise")(y)
    b = L.Conv2D(4, (3, 2), groups=2, name="grouped")(y)
    b = L.LeakyReLU(negative_slope=0.3, name="leaky")(b)
    y = L.Concatenate(name="both")([a, b])
    y = L.GroupNormalization(groups=4, name="group_norm")(y)
    y = L.Conv2D(5, 2, dilation_rate=2, padding="same", activation="relu", name="dilated")(y)
    y = L.AveragePooling2D(2, strides=1, padding="same", name="average")(y)
    y = L.MaxPooling2D((2, 1), name="max")(y)
    y = L.Flatten(name="flat")(y)
    y = L.Dropout(0.4, name="dropout")(y)
    y = L.Dense(7, activation="sigmoid", name="hidden")(y)
    y = L.Dense(3, name="logits")(y)
    return keras.Model(x, L.Softmax(name="softmax")(y))


def series():
    x = keras.Input((9, 4), name="visits")
    shared = L.Dense(6, activation="tanh", use_bias=False, name="shared")
    y = shared(x)
    y = L.Conv1D(4, 3, padding="same", name="conv1d")(y)
    y = L.Add(name="twice")([shared(y), L.LSTM(6, return_sequences=True, name="lstm")(y)])
    z = L.MaxPooling1D(2, padding="same", name="halved")(y)
    y = L.Add(name="residual")([y, L.MultiHeadAttention(2, 3, name="attention")(y, z)])
    y = L.LayerNormalization(name="layer_norm")(y)
    y = L.ZeroPadding1D((2, 1), name="longer")(y)
    y = L.GRU(5, name="gru")(y)
    return keras.Model(x, L.Dense(1, activation="sigmoid", name="risk")(y))


def codes():
    model = keras.Sequential(name="codes")
    model.add(keras.Input((7,)))
    model.add(L.Embedding(5, 6, name="embedding"))
    model.add(L.Reshape((7, 3, -1), name="folded"))
    model.add(L.Conv2D(3, 2, activation="relu6", name="conv"))
    model.add(L.GlobalMaxPooling2D(name="largest"))
    model.add(L.Dense(2, activation="softmax", name="classes"))
    return model


def formula(shape, codes):
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    unit = (i * 2654435761 % 2**32) / 2**31 - 1
    return (np.floor((unit + 1) * 2.5) if codes else unit).astype(np.float32).reshape(shape)


def write(path, tensors):
    header, parts, offset = {}, [], 0
    for name, value in tensors.items():
        data = np.ascontiguousarray(value, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + len(data)]}
        parts.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


cases = []
for build in (image, series, codes):
    model, name = build(), build.__name__
    tensors = {}
    for variable in model.weights:
        path = variable.path.removeprefix(model.name + "/")
        positive = path.endswith("moving_variance") or path.endswith("gamma")
        value = random.uniform(0.5, 1.5, variable.shape) if positive else random.normal(0, 0.4, variable.shape)
        variable.assign(value)
        if not path.endswith("seed_generator_state"):
            tensors[path] = np.asarray(variable.value)
    write(HERE / f"keras-{name}.safetensors", tensors)
    topology = json.loads(model.to_json())
    # As TF.js saves it for one, as `to_json` writes it for the others.
    saved = {"format": "layers-model", "modelTopology": topology} if name == "image" else topology
    (HERE / f"keras-{name}.json").write_text(json.dumps(saved) + "\n")
    record = formula(model.input_shape[1:], name == "codes")
    answer = np.asarray(model(record[None], training=False))[0]
    cases.append({"model": name, "output": [float(f"{v:.8g}") for v in answer]})
source = f"keras {keras.__version__} on {keras.backend.backend()} (makeKerasVectors.py)"
(HERE / "keras.json").write_text(json.dumps({"source": source, "cases": cases}) + "\n")
