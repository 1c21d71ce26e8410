"""Time to start a process, and gain from a second one. Wall time is measured, so the machine must be idle."""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.measure import Results
from synthfm3d.generate import generate
from synthfm3d.synthesis.settings import SynthesisSettings

_VOLUMES = 24
_SHAPE = (64, 256, 256)
_FIRST_VOLUMES = """
from synthfm3d.generate import generate
from synthfm3d.synthesis.settings import SynthesisSettings
for modality in ("ct", "mr", "us"):
    generate(0, 0, SynthesisSettings(shape=(8, 64, 64), modalities=(modality,)))
"""


def measure(results: Results) -> None:
    """Seconds to the first volumes with an empty and a full kernel cache; volumes per second of processes."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        results.add("first volume of each modality, kernels compiled", _start(environment), "s")
        results.add("first volume of each modality, kernels cached", _start(environment), "s")
    results.add("one process", _volumes_per_second(1), "volumes/s")
    results.add("two processes", _volumes_per_second(2), "volumes/s", ratio_to=("one process",))


def _start(environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", _FIRST_VOLUMES], check=True, env=environment)
    return time.perf_counter() - start


def _volumes_per_second(workers: int) -> float:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_make, range(4 * workers)))  # processes start, kernels are loaded
        start = time.perf_counter()
        list(pool.map(_make, range(_VOLUMES)))
        return _VOLUMES / (time.perf_counter() - start)


def _make(seed: int) -> None:
    generate(seed, 0, SynthesisSettings(shape=_SHAPE))
