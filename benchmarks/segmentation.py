"""Wall time and peak memory of a new process that reads a scan and writes a mask: the time a user waits.

It runs on two threads, like the smallest machine that this package supports. Other benchmarks measure CPU
time of one thread; this one measures wall time, so other programs on the machine slow it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Results
from synthfm3d.generate import generate
from synthfm3d.io.write import write
from synthfm3d.prompts.simulation import innermost_point, largest_slice, tight_box
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.volume import Array, Volume

_CHILD = """
import json, sys, time
start = time.perf_counter()
import torch
torch.set_num_threads(2)
import synthfm3d as sf
segmenter = sf.Segmenter.from_pretrained("default", "cpu")
loaded = time.perf_counter()
scan = sf.read(sys.argv[1])
was_read = time.perf_counter()
told = json.loads(sys.argv[2])
prompt = sf.Point(**told) if "position_mm" in told else sf.Box(**told)
cpu = time.process_time()
found = segmenter.segment_with_details(scan, [prompt])
segmented = time.perf_counter()
cpu = time.process_time() - cpu
sf.write(found.mask, sys.argv[1] + ".mask.nii.gz")
# Not ru_maxrss: that of a process which was started by a large one begins with the size of its parent.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak_gb = int(status["VmHWM"].split()[0]) * 1024 / 1e9
print(json.dumps([loaded - start, was_read - loaded, segmented - was_read, cpu,
                  time.perf_counter() - segmented, peak_gb]))
"""
_SIZES = {"128x128x64": ((64, 128, 128), "mr"), "512x512x200 CT": ((200, 512, 512), "ct")}


def measure(results: Results) -> None:
    """A click and a box on the largest structure of a small and of a large synthetic scan."""
    with tempfile.TemporaryDirectory() as folder:
        for size, (shape, modality) in _SIZES.items():
            settings = SynthesisSettings(shape=shape, modalities=(modality,))  # type: ignore[arg-type]
            volume = generate(0, 1, settings)
            path = Path(folder) / "scan.nii.gz"
            write(volume.image, path)
            for kind, prompt in _prompts(volume.image, volume.labels.voxels).items():
                loaded, read, segmented, cpu, written, peak_gb = _in_a_fresh_process(path, prompt)
                name = f"{kind} on {size}"
                if (size, kind) == ("128x128x64", "click"):
                    results.add("import and load the default model", loaded, "s")
                if kind == "click":
                    results.add(f"read {size} .nii.gz", read, "s")
                    results.add(f"write the mask of {size}", written, "s")
                results.add(f"{name}, 2 threads", segmented, "s")
                results.add(f"{name}, CPU time", cpu, "s")
                results.add(f"{name}, peak memory", peak_gb, "GB")


def _prompts(image: Volume, labels: Array) -> dict[str, dict[str, object]]:
    """A click and a box on the largest structure that is not the body, in RAS mm."""
    counts = np.bincount(labels.reshape(-1))
    largest = 1 + int(counts[1:].argmax())
    mask = labels == largest
    z = largest_slice(mask)
    (y0, x0), (y1, x1) = tight_box(mask[z]).tolist()
    click, first, last = image.grid.to_mm(
        np.array([[z, *innermost_point(mask[z])], [z, y0, x0], [z, y1, x1]])
    ).tolist()
    return {"click": {"position_mm": click}, "box": {"corner_mm": first, "opposite_mm": last}}


def _in_a_fresh_process(path: Path, prompt: dict[str, object]) -> list[float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    words = [sys.executable, "-c", _CHILD, str(path), json.dumps(prompt)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    numbers: list[float] = json.loads(done.stdout.splitlines()[-1])
    return numbers
