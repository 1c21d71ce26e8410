"""``kernel``: compiled functions, cached on disk until any of their sources changes.

Numba checks only the file that contains a cached function. Our kernels inline functions and constants of
other files, and Numba would not notice a change in these. So each folder of sources has its own cache, whose
name is a hash of all files that its kernels use.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from numba import njit

STRICT = {"nnan", "ninf", "nsz"}
"""Floating-point optimisations that kernels may use. Contraction, reassociation and reciprocals are not among
them, because they make the result depend on the processor."""
_CONSTANTS = ("synthesis/scene.py",)
"""Files outside the folder of a kernel whose constants kernels use."""

config: Any = numba.config


_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": STRICT,
    # Python's error model tests every divisor for zero, and a loop that can raise an error is not vectorised.
    "error_model": "numpy",
}


def kernel(function: Callable[..., Any], *, allocates: bool = True) -> Any:
    """Compile for the CPU without the GIL, strictly (``STRICT``), with the cache of its folder's sources."""
    chosen = config.CACHE_DIR
    config.CACHE_DIR = str(CACHE / f"synthfm3d-{_digest(Path(function.__code__.co_filename).parent)}")
    try:
        return njit(cache=True, no_cfunc_wrapper=True, _nrt=allocates, **_OPTIONS)(function)
    finally:
        config.CACHE_DIR = chosen


def lean_kernel(function: Callable[..., Any]) -> Any:
    """A ``kernel`` that allocates no array. Numba then counts no references: it compiles and runs faster."""
    return kernel(function, allocates=False)


def subroutine(function: Callable[..., Any]) -> Any:
    """Compile once, apart from the lean kernels that call it. Allocates no array; strict as they are."""
    return njit(_nrt=False, no_cfunc_wrapper=True, no_cpython_wrapper=True, **_OPTIONS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into every kernel that calls it; strict as they are."""
    return njit(inline="always", **_OPTIONS)(function)


@lru_cache
def _digest(folder: Path) -> str:
    """Name for the contents of all sources that the kernels of a folder use."""
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.py")), *(Path(__file__).parent / name for name in _CONSTANTS)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _writable_place() -> Path:
    """``NUMBA_CACHE_DIR``, else beside the sources, else the user's cache, else a temporary folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    places = [config.CACHE_DIR] if config.CACHE_DIR else [Path(__file__).parent / "__pycache__", home]
    for place in map(Path, (*places, tempfile.gettempdir())):
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(place, os.W_OK):
            return place
    return Path(tempfile.mkdtemp(prefix="synthfm3d-"))


CACHE = _writable_place()
"""The folder in which compiled kernels are kept."""
