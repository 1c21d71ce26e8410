"""``kernel``: compiled functions, cached on disk until any of their sources changes.

Numba watches only the file in which a cached function stands. Ours inline functions and constants of
other files, so a change there would go unnoticed and old volumes would be rendered: the cache lies in
a folder named after the contents of all of them.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit

STRICT = {"nnan", "ninf", "nsz"}
"""Floating-point liberties that kernels may take: none that contracts, reassociates or divides by
reciprocals, since those make the result depend on the processor."""


config: Any = numba.config


_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": STRICT,
    # Python's error model tests every divisor for zero, and no loop that may raise is vectorised.
    "error_model": "numpy",
}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile for the CPU without the GIL, strictly (``STRICT``), with the cache of these sources."""
    chosen = config.CACHE_DIR
    config.CACHE_DIR = str(CACHE)
    try:
        return njit(cache=True, **_OPTIONS)(function)
    finally:
        config.CACHE_DIR = chosen


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into every kernel that calls it; strict as they are."""
    return njit(inline="always", **_OPTIONS)(function)


_SCENE = Path(__file__).parent.parent / "synthesis" / "scene.py"
"""Holds constants that kernels use."""


def _sources_digest() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*sorted(here.glob("*.py")), _SCENE]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _writable_cache() -> Path:
    """``NUMBA_CACHE_DIR``, else beside the sources, else the user's cache, else a temporary folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    places = [config.CACHE_DIR] if config.CACHE_DIR else [Path(__file__).parent / "__pycache__", home]
    for place in (*places, tempfile.gettempdir()):
        folder = Path(place) / f"synthfm3d-{_sources_digest()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="synthfm3d-"))


CACHE = _writable_cache()
"""Where compiled kernels are kept."""
