"""Checks of the machine: cores, memory, GPU."""

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from synthfm3d.pipeline.doctor import Finding, fail, ok, warn

CGROUPS = Path("/sys/fs/cgroup")
GIB = 2**30
ENOUGH_GIB, LEAST_GIB = 2.0, 0.5
"""A click on a CT of 512 x 512 x 200 takes 1 GiB at its peak, drawing volumes a third of one."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """Cores that this process may use: a batch system limits which, a container how much of them."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        allowed = os.cpu_count() or 1
    quota = _quota(cgroups)
    return allowed if quota is None else max(1, min(allowed, round(quota)))


def threads(cgroups: Path = CGROUPS) -> Finding:
    """No library starts more threads than this process has cores: they would wait for each other."""
    cores, present = usable_cores(cgroups), os.cpu_count() or 1
    for name in _THREADS:
        value = os.environ.get(name)
        if value is not None and (not value.isdigit() or int(value) > cores):
            message = f"{name}={value}, but {cores} of {present} cores may be used"
            return warn("threads", message, f"export {name}={cores}")
    if _quota(cgroups) is not None and cores < present and "OMP_NUM_THREADS" not in os.environ:
        message = f"the container may use {cores} of {present} cores; torch would start {present} threads"
        return warn("threads", message, f"export OMP_NUM_THREADS={cores}")
    return ok("threads", f"{cores} of {present} cores may be used")


def memory(information: Path = Path("/proc/meminfo"), cgroups: Path = CGROUPS) -> Finding:
    """There is enough memory to segment a large scan."""
    free = _free_bytes(information, cgroups)
    if free is None:
        return ok("memory", "not known on this system")
    message = f"{free / GIB:.1f} GiB can be used"
    way_out = "end other programs, or ask the batch system or container for more"
    if free < LEAST_GIB * GIB:
        return fail("memory", f"{message}; drawing volumes takes {LEAST_GIB}", way_out)
    if free < ENOUGH_GIB * GIB:
        return warn("memory", f"{message}; a large CT takes {ENOUGH_GIB:.0f}", way_out)
    return ok("memory", message)


def cuda() -> Finding:
    """Where there is an NVIDIA GPU, torch was built for it. Torch is not imported."""
    build = _cuda_of_torch()
    if not has_nvidia_gpu():
        return ok("GPU", "no NVIDIA GPU found; everything runs on the CPU, too")
    if find_spec("torch") is None:
        return ok("GPU", "NVIDIA GPU found; torch is not installed")
    if build is None:
        way_out = "install the CUDA build of torch, as PyTorch's page Get started prints it for your driver"
        return warn("GPU", "NVIDIA GPU found, but this torch was built for the CPU alone", way_out)
    return ok("GPU", f"NVIDIA GPU found, torch is built for CUDA {build}")


def bfloat16(processor: Path = Path("/proc/cpuinfo")) -> Finding:
    """The processor computes in bfloat16, if it is to train."""
    if has_nvidia_gpu() and _cuda_of_torch():
        return ok("bfloat16", "the GPU decides")
    if not processor.is_file():
        return ok("bfloat16", "not known on this system")
    flags = re.search(r"^flags\s*:(.*)$", processor.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if flags and "avx512_bf16" not in flags[1].split():
        message = "the processor has no bfloat16: training in it is slow here; models run in float32"
        return warn("bfloat16", message, "train with --set precision=fp32")
    return ok("bfloat16", "the processor has it" if flags else "not known for this processor")


def has_nvidia_gpu() -> bool:
    """Whether a driver or its tool is there."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _cuda_of_torch() -> str | None:
    """The CUDA version that torch was built for, read from its file: importing torch takes seconds."""
    found = find_spec("torch")
    path = Path(found.origin).parent / "version.py" if found and found.origin else None
    if path is None or not path.is_file():
        return None
    match = re.search(r"^cuda\b.*?=\s*'([\d.]+)'", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return match[1] if match else None


def _quota(cgroups: Path) -> float | None:
    """Number of cores that a container may use (cgroup 2, then 1); None: all of them."""
    words = _words(cgroups / "cpu.max")
    if not words:
        words = _words(cgroups / "cpu" / "cpu.cfs_quota_us") + _words(cgroups / "cpu" / "cpu.cfs_period_us")
    if len(words) == 2 and words[0].isdigit() and int(words[1]):
        return int(words[0]) / int(words[1])
    return None


def _free_bytes(information: Path, cgroups: Path) -> int | None:
    free = []
    if information.is_file():
        match = re.search(r"^MemAvailable:\s*(\d+) kB", information.read_text(encoding="utf-8"), re.MULTILINE)
        free += [int(match[1]) * 1024] if match else []
    for limit, used in (
        (cgroups / "memory.max", cgroups / "memory.current"),
        (cgroups / "memory" / "memory.limit_in_bytes", cgroups / "memory" / "memory.usage_in_bytes"),
    ):
        most, now = _words(limit), _words(used)
        if most and now and most[0].isdigit() and now[0].isdigit():
            free.append(int(most[0]) - int(now[0]))
    return max(0, min(free)) if free else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []
