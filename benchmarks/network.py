"""Measure the volumetric network: one region, one training step, and one click on a scan."""

import numpy as np
import torch
from accelerate import Accelerator

from benchmarks.measure import Results, cpu_seconds
from synthfm3d.generate import generate
from synthfm3d.loading.patches import PatchSettings, make_patches
from synthfm3d.model.checkpoint import load_model
from synthfm3d.prompts.prompt import GridPrompts, Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.training.config import TrainingConfig
from synthfm3d.training.loop import batches, take_step
from synthfm3d.training.state import TrainingState


def measure(results: Results) -> None:
    """CPU seconds on one thread."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    config = TrainingConfig(workers=0)
    data = PatchSettings()
    group = 1e3 * cpu_seconds(lambda n: make_patches(0, n, config.model.grid_shape, data), 12, warm_up=2)
    results.add("training patch rendered", group / data.per_volume, "ms")
    cpu = torch.device("cpu")
    state = TrainingState(config, cpu)
    accelerator = Accelerator(cpu=True)
    batch = next(batches(state, accelerator))
    step = 1e3 * cpu_seconds(lambda _: take_step(state, [batch], accelerator, state.network), 3)
    per_patch = step / config.batch_size
    results.add("training step of a patch, bf16", per_patch, "ms", ratio_to=("training patch rendered",))
    network = load_model("default", "cpu")
    channels = np.zeros((3, *network.grid_shape), np.float32)
    features = network.prepare(channels, (1.0, 1.0, 1.0))
    volume = generate(0, 1, SynthesisSettings(shape=(64, 128, 128), modalities=("mr",)))
    middle = np.argwhere(volume.labels.voxels > 0)
    r, a, s = (float(v) for v in volume.image.grid.to_mm(middle[len(middle) // 2]))
    prompts = [Point(position_mm=(r, a, s))]
    click = GridPrompts(positive=np.array([[16.0, 64.0, 64.0]]))
    results.add("look at a region", 1e3 * cpu_seconds(lambda _: network.logits(features, click), 3), "ms")
    segmenter = Segmenter(network)
    seconds = cpu_seconds(lambda _: segmenter.segment_with_details(volume.image, prompts), 3)
    results.add("one click on 128x128x64", seconds, "s")
