"""Measure the cost of a call: wall-clock seconds, and peak memory if the system reports it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a call, and the peak memory of the process (or GPU) during it in MB, where it is known."""

    seconds: float
    peak_mb: float | None


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """The result of a call, or the error that it raised, with its cost."""

    result: Result | None
    error: str | None
    cost: Cost


def measured_call(call: Callable[[], Result]) -> Call[Result]:
    """Call and measure; an exception becomes an error message, so that it does not stop a long run."""
    _reset_peak()
    start = perf_counter()
    try:
        result, error = call(), None
    except Exception as exception:
        result, error = None, f"{type(exception).__name__}: {exception}"
    return Call(result, error, Cost(perf_counter() - start, _peak_mb()))


def _reset_peak() -> None:
    """Measure the peak from here on; if the system cannot, it is measured from the start of the process."""
    torch = _torch_on_gpu()
    if torch is not None:
        torch.cuda.reset_peak_memory_stats()
    try:
        _RESET.write_text("5")  # Linux: proc(5), resets VmHWM
    except OSError:
        return


def _peak_mb() -> float | None:
    torch = _torch_on_gpu()
    if torch is not None:
        return float(torch.cuda.max_memory_allocated()) / 1e6
    try:
        lines = _STATUS.read_text().splitlines()
        return 1024 * float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1e6
    except (OSError, StopIteration):
        if sys.platform == "win32":
            return None
        import resource  # not on Windows

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else 1024 * peak / 1e6


def _torch_on_gpu() -> Any:
    """The torch module, if CUDA is in use; else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None
