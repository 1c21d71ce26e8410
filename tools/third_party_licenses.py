"""Write ``THIRD_PARTY_LICENSES.md``: the parts of the package, its requirements, and their licences.

Run ``python tools/third_party_licenses.py`` in an environment with the extras [all] and [dev]. The licences
are those that the packages state.
"""

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from wheel_environment import ROOT, closure

PLACE = ROOT / "THIRD_PARTY_LICENSES.md"
VENDORED = Path("src/synthfm3d/app/page/vendor/LICENSES.txt")
_NOT_FOR_USERS = {"all", "bench", "dev", "docs"}
_HEAD = """# Third-party licences

SynthFM-3D is under the Apache License 2.0 ([LICENSE](LICENSE)). This list is written by
`python tools/third_party_licenses.py` and compared with `pyproject.toml` by a test. It repeats what the
packages state of themselves; their own files count. Only what the first table names is part of the wheel.
"""


def main() -> int:
    """Write the list; return 1 if a package that an extra requires is not installed."""
    missing = sorted(name for name in direct() if _installed(name) is None)
    if missing:
        print(f"not installed: {', '.join(missing)}: install the extra [all] first.", file=sys.stderr)
        return 1
    PLACE.write_text(listing(), encoding="utf-8")
    print(PLACE.name)
    return 0


def listing() -> str:
    """The whole list as Markdown."""
    asked = direct()
    vendored = "\n".join(f"| {name} | {version} | {licence} |" for name, version, licence in bundled())
    first = "\n".join(
        f"| {name} | {licence_of(distribution(name))} | {', '.join(sorted(extras))} |"
        for name, extras in sorted(asked.items())
    )
    second = "\n".join(f"| {name} | {licence} |" for name, licence in sorted(indirect().items()))
    return f"""{_HEAD}
## Part of the package

The viewer of the page and what is bundled in it, at `{VENDORED.parent}`, with the licences in full in
[`{VENDORED.name}`]({VENDORED}).

| package | version | licence |
|---|---|---|
{vendored}

The weights of the default model were trained by this package from random numbers, on volumes that it drew;
they are under its licence.

## Asked for by the core and its extras

| package | licence | by |
|---|---|---|
{first}

## Asked for by those

As resolved on Linux with `constraints.txt`; elsewhere, and with other versions, this table may differ.

| package | licence |
|---|---|
{second}
"""


def direct() -> dict[str, set[str]]:
    """Packages that ``pyproject.toml`` requires, with the extras that require them, or the core."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked: dict[str, set[str]] = {}
    extras = {"core": project["dependencies"], **project["optional-dependencies"]}
    for extra in extras.keys() - _NOT_FOR_USERS:
        for one in map(Requirement, extras[extra]):
            if one.name != project["name"]:
                asked.setdefault(canonicalize_name(one.name), set()).add(extra)
    return asked


def indirect() -> dict[str, str]:
    """Licences of installed packages that only the packages of ``direct`` require."""
    asked = direct()
    found = {canonicalize_name(one.name): one for one in closure(map(Requirement, asked))}
    return {name: licence_of(one) for name, one in found.items() if name not in asked}


def bundled() -> list[tuple[str, str, str]]:
    """(name, version, licence) of each part of ``vendor/LICENSES.txt``."""
    parts = re.split(r"^-{20,}$", (ROOT / VENDORED).read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for part in parts:
        head, _, text = part.strip().partition("\n")
        name, _, version = head.rpartition("@")
        found.append((name, version, _named(text)))
    return found


def licence_of(package: Distribution) -> str:
    """The licence that a package states: its expression, or its classifiers, or its free text."""
    said = package.metadata
    stated = [line for line in said.get_all("Classifier") or () if line.startswith("License ::")]
    classifiers = [line.rpartition(" :: ")[2] for line in stated]
    words = (said.get_all("License") or [""])[0].strip().partition("\n")[0]
    return (said.get_all("License-Expression") or [""])[0] or ", ".join(classifiers) or words or "not stated"


def _named(text: str) -> str:
    """The common name of a licence with this text."""
    marks = {
        "MIT": "Permission is hereby granted, free of charge",
        "ISC": "Permission to use, copy, modify, and/or distribute this software",
        "Apache-2.0": "Apache License",
        "BSD-3-Clause": "Neither the name",
        "BSD-2-Clause": "Redistributions in binary form",
    }
    plain = " ".join(text.split())
    return next((name for name, mark in marks.items() if mark in plain), "see its text")


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
