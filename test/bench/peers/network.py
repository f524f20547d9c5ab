"""A PyTorch module from the model that the benchmark times: the same layers, read from the same description."""

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAKY_SLOPE = 0.3


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, so that ceil(length / stride) windows fit."""
    missing = max(0, (-(-length // stride) - 1) * stride + kernel - length)
    return missing // 2, missing - missing // 2


class Network(nn.Module):
    """Records are [channels, height, width] or [features], as PyTorch has them."""

    def __init__(self, spec: dict, in_place: bool):
        super().__init__()
        self.in_place = in_place
        height_width_channels = spec["input"]
        self.input_shape = tuple(height_width_channels[-1:] + height_width_channels[:-1])
        self.layers = spec["layers"]
        self.parts = nn.ModuleDict()
        # One empty record tells every layer's input shape, and with it the sizes of the parameters.
        with torch.no_grad():
            self.run(torch.zeros(1, *self.input_shape), building=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x, building=False)

    def run(self, x: Tensor, building: bool) -> Tensor:
        outputs = {"input": x}
        padding = None
        for layer in self.layers:
            inputs = [outputs[name] for name in layer["from"]] if "from" in layer else [x]
            if layer["kind"] == "pad":
                # PyTorch's convolutions and pools pad by themselves: no copy.
                padding = margins_of(layer)
                x = inputs[0]
            else:
                if building:
                    self.build(layer, inputs[0], padding)
                x = self.apply_layer(layer, inputs)
                padding = None
            outputs[layer["name"]] = x
        return x

    def build(self, layer: dict, x: Tensor, padding: tuple[int, int] | None) -> None:
        made = module_of(layer, x, padding, self.in_place)
        if made is not None:
            self.parts[layer["name"]] = made

    def apply_layer(self, layer: dict, inputs: list[Tensor]) -> Tensor:
        if layer["kind"] == "merge":
            return inputs[0] + inputs[1] if layer["operation"] == "add" else torch.cat(inputs, 1)
        if layer["kind"] == "reshape":
            return inputs[0].flatten(1)
        return self.parts[layer["name"]](inputs[0])


def margins_of(layer: dict) -> tuple[int, int]:
    """The same number of zeros before and after each axis; anything else has no counterpart in PyTorch's layers."""
    height, width, *channels = layer["margins"]
    if height[0] != height[1] or width[0] != width[1] or any(map(any, channels)):
        raise ValueError(f"{layer['name']}: margins {layer['margins']}")
    return height[0], width[0]


def module_of(layer: dict, x: Tensor, padding: tuple[int, int] | None, in_place: bool) -> nn.Module | None:
    kind = layer["kind"]
    if kind == "dense":
        dense = nn.Linear(x.shape[1], layer["outputs"], bias=layer.get("bias", True))
        return activated(dense, layer["activation"], in_place)
    if kind == "conv":
        return activated(convolution(layer, x, padding), layer["activation"], in_place)
    if kind == "pool":
        return pool(layer, padding)
    if kind == "norm":
        return nn.GroupNorm(layer["groups"], x.shape[1], eps=layer["epsilon"])
    if kind == "activation":
        return activation_of(layer["activation"], in_place)
    if kind == "dropout":
        return nn.Dropout(layer["rate"])
    if kind in ("merge", "reshape"):
        return None
    raise ValueError(f"{layer['name']}: no PyTorch layer for kind {kind}")


def convolution(layer: dict, x: Tensor, padding: tuple[int, int] | None) -> nn.Module:
    kernel, stride = layer["kernel"], layer["stride"]
    around = [(margin, margin) for margin in padding or (0, 0)]
    if layer["padding"] == "same":
        around = [same_padding(length, size, stride) for length, size in zip(x.shape[2:], kernel)]
    even = all(before == after for before, after in around)
    conv = nn.Conv2d(
        x.shape[1],
        layer["outputs"],
        tuple(kernel),
        stride=stride,
        padding=tuple(before for before, _ in around) if even else 0,
        dilation=layer["dilation"],
        groups=layer["groups"],
        bias=layer["bias"],
    )
    if even:
        return conv
    (top, bottom), (left, right) = around
    return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), conv)


def pool(layer: dict, padding: tuple[int, int] | None) -> nn.Module:
    if layer["window"] == "global":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    window = tuple(layer["window"])
    stride = layer.get("stride", window)
    of = nn.MaxPool2d if layer["operation"] == "max" else nn.AvgPool2d
    return of(window, stride=stride, padding=padding or 0)


def activated(module: nn.Module, activation: str, in_place: bool) -> nn.Module:
    return module if activation == "linear" else nn.Sequential(module, activation_of(activation, in_place))


def activation_of(name: str, in_place: bool) -> nn.Module:
    if name == "relu":
        return nn.ReLU(inplace=in_place)
    if name == "leaky-relu":
        return nn.LeakyReLU(LEAKY_SLOPE)
    return {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[name]()


class Loss(nn.Module):
    """
    The model's loss. DeepType's pull towards centroids is left out: Opacus knows no such parameters. It is less than
    a thousandth of the work.
    """

    def __init__(self, spec: dict):
        super().__init__()
        self.kind = spec["kind"]
        self.classes = spec.get("classes", 2)
        # Opacus reads and sets it.
        self.reduction = "mean"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.kind == "sigmoid-cross-entropy":
            per_record = functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float(), reduction="none")
        elif self.kind == "acgan":
            made = labels >= self.classes
            real = functional.binary_cross_entropy_with_logits(logits[:, 0], (~made).float(), reduction="none")
            of_class = labels - self.classes * made
            per_record = real + functional.cross_entropy(logits[:, 1:], of_class, reduction="none")
        else:
            per_record = functional.cross_entropy(logits, labels, reduction="none")
        return per_record if self.reduction == "none" else per_record.mean()
