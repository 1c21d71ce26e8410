"""Build the sdist and the wheel, and install the wheel in otherwise empty environments.

An environment gets exactly the packages that an extra requires, directly or indirectly. Installing them for
every extra takes ten minutes. So each file is linked from the environment that runs this program, as package
managers do from their caches. Then pip installs the wheel with its extra: it finds the linked packages and
downloads missing ones. ``python tools/wheel_environment.py`` builds only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution, distribution
from importlib.util import cache_from_source
from pathlib import Path, PurePosixPath
from zipfile import Path as ZipPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_BUILT = (
    *("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_LICENSES.md", "CHANGELOG.md", "CITATION.cff"),
    *("CONTRIBUTING.md", "constraints.txt", ".gitignore", "src", "tests", "recipes", "tools"),
)
"""What a build reads, of the checkout."""


def build(folder: Path) -> tuple[Path, Path]:
    """Build (sdist, wheel) in an empty folder, the wheel from the sdist, to check that this works."""
    # From a copy: a build leaves files beside the sources.
    checkout = folder / "checkout"
    checkout.mkdir(parents=True)
    for name in _BUILT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, checkout)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder), cwd=checkout)
    (sdist,) = folder.glob("*.tar.gz")
    _run(*_pip(), "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(sdist))
    (wheel,) = folder.glob("*.whl")
    shutil.rmtree(checkout)
    return sdist, wheel


def install(wheel: Path, extra: str, folder: Path) -> Path:
    """The Python executable of a new environment with the wheel and one extra; "" is the core alone.

    An existing folder is replaced. The path stays the same, so that Numba's compiled kernels stay valid.
    """
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    for found in asked_for(wheel, extra):
        _link(found, packages)
    asked = f"{wheel}[{extra}]" if extra else str(wheel)
    quiet = ("-q", "--no-compile", "--no-warn-script-location", "-c", str(ROOT / "constraints.txt"))
    _run(*_pip(), "--python", str(python), "install", *quiet, asked)
    _run(*_pip(), "--python", str(python), "check")
    for path in (packages / "synthfm3d").rglob("*.py"):
        os.utime(path, (0, 0))  # by its time Numba knows whether a source has changed
    return python


def asked_for(wheel: Path, extra: str) -> list[Distribution]:
    """Installed packages that the wheel with this extra requires, directly or indirectly."""
    (information,) = (path for path in ZipPath(wheel).iterdir() if path.name.endswith(".dist-info"))
    return closure(requirements_of(PathDistribution(information), extra))


def closure(requirements: Iterable[Requirement]) -> list[Distribution]:
    """Installed packages that meet these requirements, and the packages that these require."""
    waiting = list(requirements)
    found: dict[str, Distribution] = {}
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        try:
            there = distribution(name)
        except PackageNotFoundError:
            continue
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += requirements_of(there, extra)
        found[name] = there
    found.pop("synthfm3d", None)
    return list(found.values())


def requirements_of(of: Distribution, extra: str) -> list[Requirement]:
    """The requirements of a package on this machine, with one of its extras or none ("")."""
    wanted = [Requirement(line) for line in of.requires or ()]
    return [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": extra})]


def _link(package: Distribution, packages: Path) -> None:
    """Link every file of an installed package; scripts get the interpreter of the new environment."""
    for file in package.files or ():
        source = Path(str(package.locate_file(file)))
        for path, place in _with_bytecode(source, file):
            target = Path(os.path.normpath(packages / place))
            if not path.is_file() or target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.parent.name == "bin":
                _write_script(path, target)
                continue
            try:
                os.link(path, target)
            except OSError:  # another file system
                shutil.copy2(path, target)


def _with_bytecode(source: Path, place: PurePosixPath) -> Iterable[tuple[Path, PurePosixPath]]:
    yield source, place
    if source.suffix == ".py":
        compiled = Path(cache_from_source(str(source)))
        yield compiled, place.parent / "__pycache__" / compiled.name


def _write_script(path: Path, target: Path) -> None:
    shutil.copy2(path, target)
    content = target.read_bytes()
    first, _, rest = content.partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        target.write_bytes(f"#!{target.parent / 'python'}\n".encode() + rest)


def main() -> int:
    """Build into ``dist/``, which is emptied first."""
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    for path in build(dist):
        print(path.relative_to(ROOT))
    return 0


def _pip() -> tuple[str, ...]:
    return (sys.executable, "-m", "pip", "--disable-pip-version-check")


def _run(*command: str, cwd: Path | None = None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
