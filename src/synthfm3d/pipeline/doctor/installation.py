"""Checks that the installed packages are complete, new enough, and the ones that Python imports."""

import json
import shutil
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from packaging.requirements import Requirement

import synthfm3d
from synthfm3d.pipeline.doctor import Finding, fail, ok, warn

NOT_FOR_USERS = {"all", "bench", "dev"}
"""Extras that gather others, or are for those who change this package."""


def sources() -> Finding:
    """Python imports the package that pip has installed, in the same version."""
    name, place = "synthfm3d", Path(synthfm3d.__file__).parent
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return warn(name, f"imported from {place}, pip has installed nothing", "pip install -e .")
    home = _home(installed)
    if home.resolve() != place.resolve():
        message = f"Python imports {place}, pip has installed {home}"
        return warn(name, message, "unset PYTHONPATH, or: pip install -e . in the checkout that you mean")
    if installed.version != synthfm3d.__version__:
        message = f"the sources are of version {synthfm3d.__version__}, installed was {installed.version}"
        return warn(name, message, "pip install -e . once more: commands and dependencies may be old")
    return ok(name, f"{installed.version} in {place}")


def command() -> Finding:
    """The command ``synthfm3d`` starts this installation and not another one."""
    found = shutil.which("synthfm3d")
    if found is None:
        return warn(
            "command", "the shell knows no synthfm3d", "activate the environment, or: python -m synthfm3d"
        )
    if Path(found).parent.resolve() != Path(sys.executable).parent.resolve():
        message = f"the shell's synthfm3d is {found}, this is {sys.executable}"
        return warn("command", message, "activate the environment that you mean, or: python -m synthfm3d")
    return ok("command", found)


def core_packages() -> Finding:
    """All packages that the core needs are installed and new enough."""
    needed = _requirements().get("", [])
    wrong = [trouble for one in needed if (trouble := _trouble(one))]
    if wrong:
        return fail("packages", "; ".join(wrong), "pip install -U synthfm3d")
    return ok(
        "packages", f"{len(needed)} packages of the core, Python {'.'.join(map(str, sys.version_info[:3]))}"
    )


def extras() -> list[Finding]:
    """Every extra is installed completely, or not at all."""
    needed = _requirements()
    return [
        _extra(extra, needed, names)
        for extra, names in ((extra, {one.name for one in needed[extra]}) for extra in sorted(needed))
        if extra and extra not in NOT_FOR_USERS
    ]


def torchvision() -> Finding:
    """Torchvision is not there, or built for the same torch: else transformers' SAM 2 cannot be imported."""
    try:
        theirs, ours = version("torchvision"), version("torch")
    except PackageNotFoundError:
        return ok("torchvision", "not there beside torch; nothing here needs it")
    if theirs.partition("+")[2] != ours.partition("+")[2]:
        message = f"torchvision {theirs} beside torch {ours}: builds that differ break the import of SAM 2"
        return warn(
            "torchvision", message, "pip uninstall torchvision; synthfm3d doctor --full tries the import"
        )
    return ok("torchvision", f"{theirs}, of the same build as torch {ours}")


def _home(installed: Distribution) -> Path:
    """Folder of the package that pip has installed; for an editable installation that of the checkout."""
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return Path(url2pathname(urlparse(origin["url"]).path)) / "src" / "synthfm3d"
    return Path(str(installed.locate_file("synthfm3d")))


def _requirements() -> dict[str, list[Requirement]]:
    """Requirements of the core ("") and of each extra on this machine, from the installed metadata."""
    try:
        installed = distribution("synthfm3d")
    except PackageNotFoundError:
        return {}
    asked = [Requirement(line) for line in installed.requires or ()]
    core = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    found = {"": core}
    for extra in installed.metadata.get_all("Provides-Extra") or ():
        found[extra] = [
            one for one in asked if one not in core and one.marker and one.marker.evaluate({"extra": extra})
        ]
    return found


def _extra(extra: str, needed: dict[str, list[Requirement]], names: set[str]) -> Finding:
    check, way_out = f"extra {extra}", f"pip install -U 'synthfm3d[{extra}]'"
    of_others = {
        one.name
        for other, theirs in needed.items()
        if other not in NOT_FOR_USERS and {one.name for one in theirs} < names
        for one in theirs
    }
    missing = [one.name for one in needed[extra] if _installed(one.name) is None]
    old = [trouble for one in needed[extra] if one.name not in missing and (trouble := _trouble(one))]
    if old:
        return fail(check, "; ".join(old), way_out)
    if names - of_others <= set(missing):
        return ok(check, f"not installed: {way_out.replace(' -U', '')}")
    if missing:
        return warn(check, f"in part only: {', '.join(missing)} missing", way_out)
    return ok(check, ", ".join(f"{one.name} {_installed(one.name)}" for one in needed[extra]))


def _trouble(wanted: Requirement) -> str:
    present = _installed(wanted.name)
    if present is None:
        return f"{wanted.name} is missing"
    if not wanted.specifier.contains(present, prereleases=True):
        return f"{wanted.name} {present} is installed, {wanted.specifier} is needed"
    return ""


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
