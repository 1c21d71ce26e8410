"""All checks in the order of the report, and the checks that try what the package does."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from synthfm3d.pipeline.doctor import Finding, fail, folders, installation, machine, ok, warn
from synthfm3d.pipeline.doctor.machine import has_nvidia_gpu

_IMPORT = """
try:
    from transformers import Sam2VideoModel
except Exception:  # the error above has no reason; this import gives it
    import transformers.models.sam2_video.modeling_sam2_video
    raise
"""
EXPECTED = (6, "08fbee62f465c2890d136a050e4283784b8c710392d66c0b36e264c1b302ef2d")
"""Generator version, and SHA-256 of its volume of seed 0, index 0, shape (8, 32, 32)."""


def volume() -> Finding:
    """A volume is drawn, and has the same voxels as on every other machine."""
    from synthfm3d.generate import generate
    from synthfm3d.synthesis.sampler import GENERATOR_VERSION
    from synthfm3d.synthesis.settings import SynthesisSettings

    start = time.perf_counter()
    made = generate(0, 0, SynthesisSettings(shape=(8, 32, 32)))
    digest = hashlib.sha256(made.image.voxels.tobytes() + made.labels.voxels.tobytes()).hexdigest()
    if (GENERATOR_VERSION, digest) != EXPECTED:
        message = f"seed 0 of generator version {GENERATOR_VERSION} gives other voxels than elsewhere"
        way_out = (
            "remove the kernel cache and try again; then report it with the output of doctor --full --json"
        )
        return fail("volume", f"{message} ({digest[:12]}, not {EXPECTED[1][:12]})", way_out)
    return ok("volume", f"seed 0 has the right voxels, {time.perf_counter() - start:.1f} s")


def sam2() -> Finding:
    """Transformers' SAM 2 can be imported; in a separate process, because a failure may crash it."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        return ok("SAM 2", "not installed: pip install 'synthfm3d[model]'")
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        beside = find_spec("torchvision") is not None
        way_out = "pip uninstall torchvision" if beside else "pip install -U 'synthfm3d[model]'"
        return fail("SAM 2", f"cannot be imported: {reason}", way_out)
    return ok("SAM 2", "can be imported")


def torch_device() -> Finding:
    """Torch finds the GPU that is there."""
    if find_spec("torch") is None:
        return ok("torch", "not installed: pip install 'synthfm3d[model]'")
    import torch

    from synthfm3d.model.checkpoint import choose_device

    if has_nvidia_gpu() and torch.version.cuda and not torch.cuda.is_available():
        way_out = "update the driver (nvidia-smi shows it), or install a torch that was built for it"
        return warn("torch", f"{torch.__version__} cannot use the NVIDIA GPU that is there", way_out)
    return ok("torch", f"{torch.__version__} on {choose_device('auto')}, {torch.get_num_threads()} threads")


def mask() -> Finding:
    """The default model loads, and one click on a real scan of a head gives a mask."""
    if find_spec("torch") is None:
        return ok("mask", "not tried: pip install 'synthfm3d[model]'")
    from synthfm3d.io.reading import example
    from synthfm3d.prompts.prompt import Point
    from synthfm3d.segmentation.predictor import Segmenter

    start = time.perf_counter()
    scan = example()
    found = Segmenter.from_pretrained("default").segment(scan, [Point(position_mm=(-12.1, 49.0, 44.5))])
    if not found.voxels.any():
        way_out = "report it with the output of doctor --full --json"
        return fail("mask", "one click on the example scan gives an empty mask", way_out)
    return ok("mask", f"{int(found.voxels.sum())} voxels from one click, {time.perf_counter() - start:.1f} s")


Check = Callable[[], Finding | list[Finding]]

QUICK: tuple[Check, ...] = (
    installation.sources,
    installation.command,
    installation.core_packages,
    installation.extras,
    installation.torchvision,
    machine.threads,
    machine.memory,
    machine.cuda,
    machine.bfloat16,
    folders.working_folder,
    folders.temporary_folder,
    folders.disk,
    folders.kernel_cache,
    folders.weights,
    folders.stores,
    folders.samples,
    folders.browser,
)
"""Checks that do not import torch."""

TRIALS: tuple[Check, ...] = (volume, torch_device, sam2, mask)
"""Checks that try what the package does; they take seconds."""


def examine(*, full: bool = False) -> Iterator[Finding]:
    """Findings of all checks; ``full`` includes those that try. A check that raises an error has failed."""
    for check in (*QUICK, *TRIALS) if full else QUICK:
        try:
            found = check()
        except Exception as error:  # an error in one check must not hide the others
            yield fail(check.__name__.replace("_", " "), f"{type(error).__name__}: {error}", "report this")
        else:
            yield from found if isinstance(found, list) else [found]
