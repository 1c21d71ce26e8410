"""Checks of the folders, caches, weights and stores that the package writes to and reads from."""

import hashlib
import os
import shutil
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import synthfm3d
from synthfm3d.pipeline.doctor import Finding, fail, ok, warn

MIB = 2**20
ENOUGH_MIB, LEAST_MIB = 2048, 100
_STORES = {"s3": "s3fs", "gs": "gcsfs", "hf": "huggingface_hub"}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def working_folder() -> Finding:
    """Files can be written where the commands are started."""
    folder = Path.cwd()
    if (trouble := _cannot_write(folder)) is not None:
        way_out = "change to a folder of your own, or give -o a place that can be written"
        return fail("working folder", f"{folder}: {trouble}", way_out)
    return ok("working folder", str(folder))


def temporary_folder() -> Finding:
    """There is a temporary folder, and it is the one that is set."""
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        return fail("temporary folder", "none can be written", "export TMPDIR=/a/folder/of/your/own")
    asked = next((value for name in ("TMPDIR", "TEMP", "TMP") if (value := os.environ.get(name))), None)
    if asked is not None and Path(asked).resolve() != Path(folder).resolve():
        message = f"{asked} was asked for and cannot be written; {folder} is used"
        return warn("temporary folder", message, "export TMPDIR=/a/folder/of/your/own")
    return ok("temporary folder", folder)


def disk(folder: Path = Path()) -> Finding:
    """There is room for volumes and checkpoints where the commands are started."""
    free = shutil.disk_usage(folder).free / MIB
    message, way_out = f"{free / 1024:.1f} GiB are free", "free some space, or give -o another place"
    if free < LEAST_MIB:
        return fail("disk", f"{message}; a hundred volumes take {LEAST_MIB} MiB and more", way_out)
    if free < ENOUGH_MIB:
        return warn("disk", f"{message}; shards of a thousand volumes take {ENOUGH_MIB / 1024:.0f}", way_out)
    return ok("disk", message)


def kernel_cache() -> Finding:
    """Whether compiled kernels are kept. If not, every start of a command compiles them for half a minute."""
    from synthfm3d.kernels import CACHE  # Numba: half a second

    asked = os.environ.get("NUMBA_CACHE_DIR")
    if asked and Path(asked).resolve() != CACHE.resolve():
        message = f"NUMBA_CACHE_DIR={asked} cannot be written; {CACHE} is used"
        return warn("kernel cache", message, "set NUMBA_CACHE_DIR to a folder of your own")
    if not asked and Path(tempfile.gettempdir()).resolve() == CACHE.resolve():
        message = f"compiled code is kept in {CACHE}, and lost when that is emptied"
        return warn("kernel cache", message, "set NUMBA_CACHE_DIR to a folder of your own")
    return ok("kernel cache", str(CACHE))


def weights(folder: Path | None = None) -> Finding:
    """The default model's weights are there, and what they were when they were released."""
    folder = folder or Path(str(files("synthfm3d.model"))) / "weights"
    way_out = "pip install --force-reinstall --no-deps synthfm3d; in a checkout: git checkout -- src"
    try:
        expected, name = (folder / "nano.sha256").read_text(encoding="utf-8").split()
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    except OSError as error:
        return fail("default model", f"{error.filename}: {error.strerror}", way_out)
    if found != expected:
        return fail("default model", f"{name} is damaged: SHA-256 {found[:12]}, not {expected[:12]}", way_out)
    return ok("default model", f"{name}, SHA-256 {found[:12]}")


def stores() -> Finding:
    """Shards can be sent to the usual stores, if the extra for it is there."""
    if find_spec("fsspec") is None:
        return ok("stores", "not installed: pip install 'synthfm3d[remote]'")
    known = [f"{scheme}://" for scheme, module in _STORES.items() if find_spec(module)]
    missing = [f"{scheme}:// needs {module}" for scheme, module in _STORES.items() if not find_spec(module)]
    if not known:
        return warn("stores", "; ".join(missing), "pip install the package of your store, for example s3fs")
    return ok("stores", "; ".join([", ".join(known), *missing]))


def samples() -> Finding:
    """If real scans were named for the tests, they are there."""
    asked = os.environ.get("SYNTHFM3D_SAMPLES")
    if not asked:
        return ok("samples", "SYNTHFM3D_SAMPLES names none: tests that need real scans are skipped")
    if not Path(asked).is_dir():
        way_out = "unset SYNTHFM3D_SAMPLES, or name a folder of scans"
        return fail("samples", f"SYNTHFM3D_SAMPLES={asked} is no folder: tests fail", way_out)
    return ok("samples", asked)


def browser() -> Finding:
    """In a checkout: there is a Chromium, without which the tests of the page are skipped."""
    if not (Path(synthfm3d.__file__).parents[2] / "tests" / "app" / "page").is_dir():
        return ok("browser", "needed in a checkout only, for tests")
    asked = os.environ.get("SYNTHFM3D_CHROMIUM")
    if asked and shutil.which(asked) is None:
        message = f"SYNTHFM3D_CHROMIUM={asked} is no program"
        return warn("browser", message, "unset it, or name the program of a Chromium")
    found = next((path for name in (asked, *_BROWSERS) if name and (path := shutil.which(name))), None)
    if found is None:
        return warn("browser", "no Chromium: tests of the page are skipped", "apt-get install chromium")
    return ok("browser", found)


def _cannot_write(folder: Path) -> str | None:
    """Reason why no file can be made in a folder, or None. Permissions do not show it (root, quotas)."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"synthfm3d")
    except OSError as error:
        return error.strerror or type(error).__name__
    return None
