"""
Times training steps of one model and prints what it found as one line of JSON. Its order is JSON on standard input:
the model's description, how many parameters it has, the batch, the kind of step and how often. `--probe` tells
versions alone.
"""

import json
import os
import resource
import sys
import time

KINDS = ("non-private", "opacus", "opacus-ghost")
# Per-record gradients, their clipped sum's inputs, and the gradients of the layer under way.
COPIES_OF_GRADIENTS = 2.2


def probe() -> dict:
    try:
        import torch
    except (ImportError, OSError, ValueError) as error:
        return {"pytorch": None, "opacus": None, "why": f"no PyTorch ({first_line(error)})"}
    try:
        import opacus
    except (ImportError, OSError) as error:
        return {"pytorch": torch.__version__, "opacus": None, "why": f"no Opacus ({first_line(error)})"}
    return {"pytorch": torch.__version__, "opacus": opacus.__version__, "why": None}


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def measure(order: dict) -> dict:
    needed = order["batch"] * order["parameters"] * 4 * COPIES_OF_GRADIENTS / 2**30
    if order["kind"] == "opacus" and needed > free_gib():
        return {"skipped": f"its per-record gradients take {needed:.0f} GiB, {free_gib():.0f} GiB are free"}
    step = step_of(order)
    again = order["repeats"]
    for _ in range(again["warmUp"]):
        step()
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < again["least"] or (
        len(times) < again["most"] and time.perf_counter() - started < again["seconds"]
    ):
        before = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - before))
    return {"times": times, "peakRssMiB": peak_rss_mib()}


def step_of(order: dict):
    """Zeroed gradients, forward, backward, one update by plain SGD: what a training loop does for one batch."""
    import torch
    from network import Loss, Network

    torch.manual_seed(1)
    torch.set_num_threads(os.cpu_count() or 1)
    kind, batch = order["kind"], order["batch"]
    model = Network(order["spec"], in_place=kind == "non-private")
    check_parameters(model, order)
    loss = Loss(order["spec"]["loss"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    if kind != "non-private":
        model, loss, optimizer = made_private(kind, model, loss, optimizer, batch)
    model.train()
    features = 2 * torch.rand(batch, *model_input(model)) - 1
    labels = torch.tensor(order["labels"])

    def step() -> None:
        optimizer.zero_grad()
        loss(model(features), labels).backward()
        optimizer.step()

    return step


def model_input(model) -> tuple[int, ...]:
    inner = getattr(model, "_module", model)
    return inner.input_shape


def made_private(kind: str, model, loss, optimizer, batch: int):
    """Opacus' own classes around model, loss and optimizer; noise multiplier 1, clipping norm 1, its usual generator."""
    from opacus import GradSampleModule
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    settings = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "expected_batch_size": batch}
    if kind == "opacus":
        return GradSampleModule(model), loss, DPOptimizer(optimizer, **settings)
    module = GradSampleModuleFastGradientClipping(model, max_grad_norm=1.0, use_ghost_clipping=True)
    private = DPOptimizerFastGradientClipping(optimizer, **settings)
    return module, DPLossFastGradientClipping(module, private, loss, loss_reduction="mean"), private


def check_parameters(model, order: dict) -> None:
    own = sum(parameter.numel() for parameter in model.parameters())
    if own != order["parameters"]:
        raise ValueError(f"this network has {own} parameters, the one to compare with {order['parameters']}")


def free_gib() -> float:
    """What the system says could be had without swapping; where it doesn't say, all memory there is."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            line = next(line for line in lines if line.startswith("MemAvailable:"))
            return int(line.split()[1]) / 2**20
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def peak_rss_mib() -> float:
    """Of this program alone: what getrusage says includes the program that started it."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
            return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / 2**20 if sys.platform == "darwin" else most / 1024


if __name__ == "__main__":
    answer = probe() if sys.argv[1:] == ["--probe"] else measure(json.load(sys.stdin))
    print(json.dumps(answer))
