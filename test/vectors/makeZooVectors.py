"""Writes zoo.json and zoo-*.safetensors: what the zoo's networks answer, by onnxruntime.

Run: python3 test/vectors/makeZooVectors.py [FOLDER]   (numpy, onnx, onnxruntime)
Each network is built here as its PyTorch or Keras source builds it, in ONNX's layout (NCHW, OIHW, symmetric padding),
with weights from a seed, stored in a few number types. With FOLDER, which holds the real weights' safetensors somewhere
below it, their answers are written too. Inputs follow a formula that the test knows: see `formula`.
"""
import json
import pathlib
import struct
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent


def formula(shape):
    """[height, width, channels] numbers in [-1, 1): Knuth's multiplicative hash of the flat index."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    return ((i * 2654435761 % 2**32) / 2**31 - 1).astype(np.float32).reshape(shape)


class Net:
    """An ONNX graph that takes weights from `given`, or draws them and keeps them in `used`."""

    def __init__(self, given=None, seed=1):
        self.given, self.used, self.nodes, self.constants = given, {}, [], []
        self.random = np.random.default_rng(seed)

    def weight(self, name, shape, kind="kernel"):
        if self.given is not None:
            value = self.given[name]
            assert list(value.shape) == list(shape), (name, value.shape, shape)
        elif kind == "variance":
            value = self.random.uniform(0.5, 1.5, shape)
        elif kind == "scale":
            value = self.random.uniform(0.7, 1.3, shape)
        elif kind == "shift":
            value = self.random.normal(0, 0.1, shape)
        else:
            value = self.random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        self.used[name] = np.asarray(value, np.float32)
        return self.used[name]

    def op(self, kind, inputs, constants=(), **attributes):
        names = []
        for value in constants:
            names.append(f"c{len(self.constants)}")
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), names[-1]))
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs, *names], [output], **attributes))
        return output

    def conv(self, x, name, outputs, inputs, side, stride=1, pad=0, bias=False, groups=1, suffix=".weight", pads=None):
        shape = [outputs, inputs // groups, side, side]
        if suffix == ".weight_hwio":
            kernel = self.weight(name + suffix, [side, side, inputs, outputs]).transpose(3, 2, 0, 1)
        else:
            kernel = self.weight(name + suffix, shape)
        constants = [kernel, self.weight(name + ".bias", [outputs], "shift")] if bias else [kernel]
        return self.op("Conv", [x], constants, strides=[stride] * 2, pads=pads or [pad] * 4, group=groups)

    def bn(self, x, name, channels, epsilon=1e-5):
        parts = [("weight", "scale"), ("bias", "shift"), ("running_mean", "shift"), ("running_var", "variance")]
        values = [self.weight(f"{name}.{part}", [channels], kind) for part, kind in parts]
        return self.op("BatchNormalization", [x], values, epsilon=epsilon)

    def relu(self, x):
        return self.op("Relu", [x])

    def pool(self, x, pad):
        return self.op("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[pad] * 4)

    def linear(self, x, name, outputs, inputs):
        flat = self.op("Flatten", [self.op("GlobalAveragePool", [x])])
        constants = [self.weight(name + ".weight", [outputs, inputs]), self.weight(name + ".bias", [outputs], "shift")]
        return self.op("Gemm", [flat], constants, transB=1)

    def run(self, image, output):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, image.shape[2], *image.shape[:2]])
        y = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "net", [x], [y], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": image.transpose(2, 0, 1)[None]})[0].reshape(-1)


def block(net, x, name, inputs, outputs, stride, option):
    y = net.relu(net.bn(net.conv(x, f"{name}.conv1", outputs, inputs, 3, stride, 1), f"{name}.bn1", outputs))
    y = net.bn(net.conv(y, f"{name}.conv2", outputs, outputs, 3, 1, 1), f"{name}.bn2", outputs)
    if stride != 1 or inputs != outputs:
        if option == "B":
            x = net.conv(x, f"{name}.downsample.0", outputs, inputs, 1, stride)
            x = net.bn(x, f"{name}.downsample.1", outputs)
        else:  # x[:, :, ::2, ::2], then planes // 4 zero channels on either side
            x = net.op("Slice", [x], [np.array(v) for v in ([0, 0], [2**31 - 1] * 2, [2, 3], [2, 2])])
            x = net.op("Pad", [x], [np.array([0, outputs // 4, 0, 0, 0, outputs // 4, 0, 0])])
    return net.relu(net.op("Add", [y, x]))


def resnet18(net, width, classes, small):
    x = net.conv("x", "conv1", width, 3, 3, 1, 1) if small else net.conv("x", "conv1", width, 3, 7, 2, 3)
    x = net.relu(net.bn(x, "bn1", width))
    x = x if small else net.pool(x, 1)
    inputs = width
    for stage in range(4):
        for i in range(2):
            outputs = width * 2**stage
            x = block(net, x, f"layer{stage + 1}.{i}", inputs, outputs, 2 if stage and not i else 1, "B")
            inputs = outputs
    return net.linear(x, "fc", classes, inputs)


def resnet20(net, width, classes):
    x = net.relu(net.bn(net.conv("x", "conv1", width, 3, 3, 1, 1), "bn1", width))
    inputs = width
    for stage in range(3):
        for i in range(3):
            outputs = width * 2**stage
            x = block(net, x, f"layer{stage + 1}.{i}", inputs, outputs, 2 if stage and not i else 1, "A")
            inputs = outputs
    return net.linear(x, "linear", classes, inputs)


def squeezenet(net, narrowing, classes):
    def conv(x, name, outputs, inputs, side, stride=1, pad=0):
        return net.relu(net.conv(x, name, outputs, inputs, side, stride, pad, bias=True, suffix=".weight_hwio"))

    x = net.pool(conv("x", "conv1", 64 // narrowing, 3, 3, 2), 0)
    inputs = 64 // narrowing
    for i, squeeze in enumerate([16, 16, 32, 32, 48, 48, 64, 64]):
        name, squeeze = f"fire{i + 2}", squeeze // narrowing
        s = conv(x, f"{name}.squeeze1x1", squeeze, inputs, 1)
        halves = [conv(s, f"{name}.expand1x1", squeeze * 4, squeeze, 1)]
        halves.append(conv(s, f"{name}.expand3x3", squeeze * 4, squeeze, 3, 1, 1))
        x = net.op("Concat", halves, axis=1)
        inputs = squeeze * 8
        x = net.pool(x, 0) if i + 2 in (3, 5) else x
    if classes:
        x = net.conv(x, "conv10", classes, inputs, 1, bias=True, suffix=".weight_hwio")
    return net.op("GlobalAveragePool", [x])


def efficientnet_lite0(net):
    e, size = 1e-3, [224]

    def relu6(x):
        return net.op("Clip", [x], [np.float32(0), np.float32(6)])

    def same(side, stride):  # TensorFlow's padding
        out = -(-size[0] // stride)
        missing = max((out - 1) * stride + side - size[0], 0)
        size[0] = out
        return [missing // 2, missing // 2, missing - missing // 2, missing - missing // 2]

    x = relu6(net.bn(net.conv("x", "_conv_stem", 32, 3, 3, 2, pads=same(3, 2)), "_bn0", 32, e))
    stages = [(1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80)]
    stages += [(3, 5, 1, 6, 80, 112), (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320)]
    number = 0
    for count, side, first, expand, inputs, outputs in stages:
        for i in range(count):
            name, before, stride = f"_blocks.{number}", x, first if i == 0 else 1
            wide = inputs * expand
            if expand > 1:
                x = relu6(net.bn(net.conv(x, name + "._expand_conv", wide, inputs, 1), name + "._bn0", wide, e))
            pads = same(side, stride)
            x = net.conv(x, name + "._depthwise_conv", wide, wide, side, stride, groups=wide, pads=pads)
            x = relu6(net.bn(x, name + "._bn1", wide, e))
            x = net.bn(net.conv(x, name + "._project_conv", outputs, wide, 1), name + "._bn2", outputs, e)
            x = net.op("Add", [x, before]) if stride == 1 and inputs == outputs else x
            inputs, number = outputs, number + 1
    x = relu6(net.bn(net.conv(x, "_conv_head", 1280, 320, 1), "_bn1", 1280, e))
    return net.linear(x, "_fc", 1000, 1280)


def read(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    kinds = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(raw[8 + length + start : 8 + length + end], kinds[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).astype(np.float32)
    return tensors


def write(path, tensors, dtype):
    """Rounds the numbers to `dtype` in place and writes them, in no particular order."""
    header, parts, offset = {}, [], 0
    for name, value in tensors.items():
        if dtype == "BF16":
            bits = (value.view(np.uint32) + 0x8000) >> 16
            value[...] = (bits << 16).astype(np.uint32).view(np.float32)
            data = bits.astype(np.uint16).tobytes()
        else:
            stored = value.astype({"F16": np.float16, "F32": np.float32}[dtype])
            value[...] = stored
            data = stored.tobytes()
        header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": [offset, offset + len(data)]}
        parts.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def answered(build, weights, shape):
    net = Net(weights)
    return [float(f"{v:.8g}") for v in net.run(formula(shape), build(net))]


def main():
    cases = []
    for seed, (name, dtype, shape, build) in enumerate(
        [
            ("resnet18", "F16", [64, 72, 3], lambda net: resnet18(net, 4, 3, False)),
            ("resnet18-small", "BF16", [20, 20, 3], lambda net: resnet18(net, 4, 3, True)),
            ("resnet20", "BF16", [18, 16, 3], lambda net: resnet20(net, 4, 10)),
            ("squeezenet", "F32", [65, 70, 3], lambda net: squeezenet(net, 8, 5)),
        ]
    ):
        drawn = Net(seed=seed + 1)
        build(drawn)
        write(HERE / f"zoo-{name}.safetensors", drawn.used, dtype)
        cases.append({"network": name, "input": shape, "output": answered(build, drawn.used, shape)})
    real = json.loads((HERE / "zoo.json").read_text())["real"] if (HERE / "zoo.json").exists() else []
    if len(sys.argv) > 1:
        real = []
        for name, file, shape, build in [
            ("resnet20", "resnet20-cifar10.safetensors", [32, 32, 3], lambda net: resnet20(net, 16, 10)),
            ("squeezenet", "squeezenet11-notop.safetensors", [227, 227, 3], lambda net: squeezenet(net, 1, 0)),
            ("efficientnet-lite0", "efficientnet-lite0-fp16.safetensors", [224, 224, 3], efficientnet_lite0),
        ]:
            (path,) = pathlib.Path(sys.argv[1]).rglob(file)
            real.append({"network": name, "file": file, "input": shape, "output": answered(build, read(path), shape)})
    source = f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, numpy {np.__version__} (makeZooVectors.py)"
    (HERE / "zoo.json").write_text(json.dumps({"source": source, "cases": cases, "real": real}) + "\n")


main()
