"""Run the tests against the wheel, in an environment of its own and without the sources.

``python tools/suite_on_wheel.py -m "not slow" -- -m slow`` runs pytest twice, with these arguments. The
tests run in a copy of the checkout in ``build/wheel/``, whose ``src`` cannot be imported. So a test that
imports the sources fails, and so does a package that needs a file which is not in the wheel.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wheel_environment import ROOT, build, install

PLACE = ROOT / "build" / "wheel"
_OUT_OF_THE_WAY = 'raise ImportError("the sources are out of the way: the wheel is tested")\n'


def main(arguments: Sequence[str]) -> int:
    """Return the first exit code of pytest that is not 0, or 0."""
    shutil.rmtree(PLACE, ignore_errors=True)
    dist = PLACE / "dist"
    sdist, wheel = build(dist)
    print(f"{sdist.name} and {wheel.name} in {dist}", flush=True)
    python = install(wheel, "dev", PLACE / "environment")
    checkout = copy_without_sources(PLACE / "checkout")
    environment = {**os.environ, "SYNTHFM3D_BUILT": str(dist)}
    environment.pop("PYTHONPATH", None)
    _tell_what_is_tested(python, checkout, environment)
    for words in _parts(arguments):
        done = subprocess.run([python, "-m", "pytest", *words], cwd=checkout, env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0


def copy_without_sources(folder: Path) -> Path:
    """Copy the files that git knows; the package ``src/synthfm3d`` of the copy cannot be imported."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (source := ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (folder / "src" / "synthfm3d" / "__init__.py").write_text(_OUT_OF_THE_WAY, encoding="utf-8")
    return folder


def _tell_what_is_tested(python: Path, checkout: Path, environment: dict[str, str]) -> None:
    program = "import synthfm3d; print(synthfm3d.__file__)"
    done = subprocess.run(
        [python, "-c", program], cwd=checkout, env=environment, check=True, capture_output=True, text=True
    )
    place = Path(done.stdout.strip())
    if python.parents[1] not in place.parents:
        raise SystemExit(f"the wheel should be tested, but Python imports {place}")
    print(f"== tested: {place}", flush=True)


def _parts(arguments: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in arguments:
        if word == "--":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
