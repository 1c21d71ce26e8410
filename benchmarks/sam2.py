"""Measure SAM 2: parts and training step against the machine's peak, propagation against transformers.

CPU seconds on one thread. The sizes are chosen so that a CPU needs only minutes; on a machine with an
accelerator, change ``SIZE`` and ``IMAGE_SIZE``.
"""

import time
from collections.abc import Callable
from statistics import median

import torch
from accelerate import Accelerator
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure import Results, cpu_seconds
from benchmarks.sam2_official import WAYS, network_of, peak_mib, prompts, slice_at
from synthfm3d.loading.clips import ClipSettings
from synthfm3d.loading.shares import ClipPromptSettings
from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_memory import MemoryBank
from synthfm3d.model.sam2_sizes import Sam2Settings, SizeName
from synthfm3d.training.loop import batches, take_step
from synthfm3d.training.sam2 import Sam2TrainingConfig
from synthfm3d.training.state import TrainingState

SIZE: SizeName = "mini"
IMAGE_SIZE = 256
_PEAK = "matrix product, the machine's peak"
_SLICES = 16
_SHORT, _LONG = 60, 240


def measure(results: Results) -> None:
    """Everything, within one run."""
    torch.set_num_threads(1)
    side = 1024
    one, other = torch.randn(side, side), torch.randn(side, side)
    seconds = cpu_seconds(lambda _: one @ other, 9, warm_up=2)
    results.add(_PEAK, 2 * side**3 / seconds / 1e9, "GFLOP/s")
    network = network_of(SIZE, IMAGE_SIZE)
    for objects in (1, 5):
        _parts(results, network, objects)
    _training(results)
    for objects in (1, 5):
        _propagation(results, network, objects)
    _memory(results)


def _parts(results: Results, network: Sam2Network, objects: int) -> None:
    """Time to encode (once a slice), condition, decode and remember, with a full memory bank."""
    with torch.inference_mode():
        slices = slice_at(0, IMAGE_SIZE)[None]
        features = network.encode(slices).repeated(objects)
        prompted = network.decode_prompts(
            features, network.without_memory(features), prompts(objects, IMAGE_SIZE)
        )
        bank = MemoryBank({0: network.remember(features, prompted, prompted=True)})
        for index in range(1, 16):
            bank.tracked[index] = network.remember(features, prompted, prompted=False)
        conditioned = network.condition(features, bank, 16, 1, 64)
        decoded = network.decode(features, conditioned)
        parts: dict[str, Callable[[int], object]] = {
            "condition": lambda _: network.condition(features, bank, 16, 1, 64),
            "decode": lambda _: network.decode(features, conditioned),
            "remember": lambda _: network.remember(features, decoded, prompted=False),
        }
        if objects == 1:
            parts = {"encode": lambda _: network.encode(slices), **parts}
        for part, work in parts.items():
            _add(results, f"SAM 2 {SIZE} {IMAGE_SIZE} px, {part}, {_counted(objects)}", work, 5)


def _counted(objects: int) -> str:
    return "1 object" if objects == 1 else f"{objects} objects"


def _training(results: Results) -> None:
    """Time of a training step on a clip of four slices, of its parts, and of making the clip."""
    config = Sam2TrainingConfig(
        workers=0,
        precision="fp32",
        model=Sam2Settings(size=SIZE, image_size=IMAGE_SIZE),
        data=ClipSettings(length=4, prompts=ClipPromptSettings(correction_clicks=2)),
    )
    state = TrainingState(config, torch.device("cpu"))
    accelerator = Accelerator(cpu=True)
    dataset = state.family.batches()
    rendered = cpu_seconds(lambda n: dataset[n], 6)
    batch = next(batches(state, accelerator))
    name = f"SAM 2 {SIZE} {IMAGE_SIZE} px, training step, clip of 4"
    seconds = _add(results, name, lambda _: take_step(state, [batch], accelerator, state.network), 3)
    results.add("its clip, rendered", 1e3 * rendered, "ms", ratio_to=(name,))
    # With as many workers as keep the network busy: the share of a worker that one clip takes.
    results.add("workers that keep one network busy", rendered / seconds, "processes")


def _add(results: Results, name: str, work: Callable[[int], object], runs: int) -> float:
    """Record milliseconds and the share of the machine's peak; return seconds."""
    with FlopCounterMode(display=False) as counter:
        work(0)
    seconds = cpu_seconds(work, runs)
    results.add(name, 1e3 * seconds, "ms")
    results.add(f"  {name}", counter.get_total_flops() / seconds / 1e9, "GFLOP/s", ratio_to=(_PEAK,))
    return seconds


def _propagation(results: Results, network: Sam2Network, objects: int) -> None:
    """Slices per CPU second. The two implementations run in turn, so that a busy machine slows both."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(3):
        for way, through in WAYS.items():
            start = time.process_time()
            for _ in through(network, _SLICES, objects):
                pass
            seconds[way].append(time.process_time() - start)
    rates = {way: _SLICES / median(taken) for way, taken in seconds.items()}
    name = f"propagation of {_counted(objects)}"
    results.add(f"{name}, transformers' session", rates["official"], "slices/s")
    ratio = (f"{name}, transformers' session",)
    results.add(f"{name}, ours", rates["ours"], "slices/s", ratio_to=ratio)


def _memory(results: Results) -> None:
    """Growth of peak memory with the number of slices, five objects, micro at 256 pixels."""
    names = {"official": "memory of a slice, transformers' session", "ours": "memory of a slice, ours"}
    for way, name in names.items():
        growth = (peak_mib(way, _LONG, 5) - peak_mib(way, _SHORT, 5)) / (_LONG - _SHORT)
        ratio = () if way == "official" else (names["official"],)
        results.add(name, growth, "MiB", ratio_to=ratio)
